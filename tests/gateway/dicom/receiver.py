"""A receiver as a program of its own, so that its memory and its system calls can be watched from outside."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import structlog

from smartlink.gateway.dicom.admission import HouseRules
from tests.gateway.cast import House


def main() -> None:
    """Listen, print the port, and end when the standard input does."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    rules = HouseRules(associations=int(sys.argv[2])) if len(sys.argv) > 2 else None
    with House(Path(sys.argv[1])).receiver(rules=rules) as acceptor:
        sys.stdout.write(f"port {acceptor.port} of {threading.active_count()} threads\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
