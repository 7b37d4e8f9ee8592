"""A receiver as a program of its own, so that its memory and its system calls can be watched from outside."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.gateway.cast import House


def main() -> None:
    """Listen, print the port, and end when the standard input does."""
    with House(Path(sys.argv[1])).receiver() as acceptor:
        sys.stdout.write(f"port {acceptor.port} of {threading.active_count()} threads\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
