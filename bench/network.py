"""A network of two machines on this one: a namespace behind a virtual cable with packets of 1500 bytes (root only)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = "10.213.77.1"
THERE: Final = "10.213.77.2"
MTU: Final = "1500"


@dataclass(frozen=True, slots=True)
class Cable:
    """Our end's address, and what a command begins with to run at the other end."""

    address: str
    within: tuple[str, ...]


def possible() -> bool:
    """Whether this account may make networks."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip") is not None


@contextmanager
def cable() -> Iterator[Cable]:
    """A cable to a namespace; both are gone at the end."""
    name, ours, theirs = f"bench{os.getpid()}", f"bo{os.getpid()}", f"bt{os.getpid()}"
    inside = ("ip", "netns", "exec", name)
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "link", "add", ours, "mtu", MTU, "type", "veth", "peer", "name", theirs, "mtu", MTU, "netns", name)
        _run("ip", "address", "add", f"{HERE}/30", "dev", ours)
        _run("ip", "link", "set", ours, "up")
        _run(*inside, "ip", "address", "add", f"{THERE}/30", "dev", theirs)
        _run(*inside, "ip", "link", "set", theirs, "up")
        yield Cable(HERE, inside)
    finally:
        _run("ip", "netns", "delete", name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
