"""Many ultrasound systems as one program, so that they can be killed in the middle of what they send."""

from __future__ import annotations

import dataclasses
import random
import sys
import threading
from contextlib import suppress

from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.wire import STORE

HALF = 10_000


def main() -> None:
    """Hold so many Associations with the port, each storing without end, in two halves with a rest between."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    threads = [threading.Thread(target=send, args=(port, number), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    sys.stdin.read()


def send(port: int, number: int) -> None:
    """Store until the port or this program ends."""
    rest, dice = threading.Event(), random.Random(number)
    with suppress(OSError), Caller(port).associate() as caller:
        for image in range(1_000_000):
            command = dataclasses.replace(STORE, affected_sop_instance_uid=f"1.{port}.{number}.{image}")
            caller.say(command)
            caller.data(bytes(HALF), last=False)
            rest.wait(dice.uniform(0.05, 0.5))
            caller.data(bytes(HALF), last=True)
            assert caller.response().status == 0


if __name__ == "__main__":
    main()
