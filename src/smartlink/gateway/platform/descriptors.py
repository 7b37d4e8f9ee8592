"""How many files and sockets this process may have open, on Linux and Windows."""

from __future__ import annotations

import sys
from typing import Final

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
