"""How many files and sockets this process may have open, on Linux and Windows."""

from __future__ import annotations

import sys
from typing import Final

import psutil

if sys.platform != "win32":
    import resource

_RESERVE: Final = 64
_ENOUGH: Final = 65_536


if sys.platform == "win32":

    def scarce(_descriptor: int) -> bool:
        """Whether a new socket shows that descriptors run out; on Windows memory ends first."""
        return False

    def raise_limit() -> None:
        """There is no limit to raise."""

    def limit_of(_pid: int) -> tuple[int | None, int | None]:
        """There is no limit to tell."""
        return None, None

else:

    def scarce(descriptor: int) -> bool:
        """Whether a new socket shows that descriptors run out: the lowest free number is taken each time.

        What is left then is for what is under way: its files, and the catalogue's.
        """
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return limit != resource.RLIM_INFINITY and descriptor >= limit - min(_RESERVE, limit // 4)

    def raise_limit() -> None:
        """Allow this process as many descriptors as its account may have, up to what is useful."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def limit_of(pid: int) -> tuple[int | None, int | None]:
        """Return how many descriptors a process may have open and has; None where the system does not tell us."""
        try:
            process = psutil.Process(pid)
            soft, _ = process.rlimit(psutil.RLIMIT_NOFILE)  # type: ignore[attr-defined,unused-ignore] # not on macOS
            used = process.num_fds()
        except (psutil.Error, OSError, AttributeError):
            return None, None
        return (None if soft == resource.RLIM_INFINITY else int(soft)), used
