"""The embedded store: `weed` of this installation, loopback only, keys of its own, port pairs that are free."""

from __future__ import annotations

import sysconfig
from typing import TYPE_CHECKING

import httpx

from smartlink.works.embedded import seaweedfs

if TYPE_CHECKING:
    from smartlink.works.embedded.seaweedfs import Store


def test_the_program_is_looked_up_beside_the_interpreter() -> None:
    assert str(seaweedfs.program()).startswith(sysconfig.get_path("scripts"))


def test_ports_come_in_pairs_below_the_ephemeral_range() -> None:
    ports = seaweedfs.free_pairs(4)
    assert len(set(ports)) == 4
    assert all(port + 10_000 < 32_768 for port in ports)


def test_a_stranger_is_refused(seaweedfs: Store) -> None:
    assert seaweedfs.endpoint.startswith("http://127.0.0.1:")
    assert httpx.get(f"{seaweedfs.endpoint}/anything/at-all", timeout=10).status_code == 403
