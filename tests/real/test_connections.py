"""Connections on both sides: added, tested, edited and deleted at the gateway, mirrored and restored by Works."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from smartlink.demo.programs import LOOPBACK, wait_for
from smartlink.link.connections import ConnectionStatus
from smartlink.works.fleet import connections, licence_keys
from tests.real.pacs import Storescp

if TYPE_CHECKING:
    from pathlib import Path

    from smartlink.link.connections import Connection
    from tests.real.world import Gateway

pytestmark = pytest.mark.real

TOLD_SECONDS = 10
"""A change is in Works within this time (R40)."""


def at_works(gateway: Gateway) -> dict[str, Connection]:
    """The facility's connections as Works has them, by AE title."""
    with gateway.cloud.access.organisation(uuid.UUID(gateway.site.organisation_id)) as site:
        return {one.ae_title: one for one in connections.of_facility(site, uuid.UUID(gateway.site.facility_id))}


def is_told(gateway: Gateway, **wanted: object) -> bool:
    """Whether Works has the archive with these fields."""
    found = at_works(gateway).get("ARCHIVE")
    return found is not None and {name: getattr(found, name) for name in wanted} == wanted


def add(gateway: Gateway, ae_title: str, port: int) -> Any:
    return gateway.stage.gateway.ask(
        "connections", "add", ae_title.title(), "--ae-title", ae_title, "--host", LOOPBACK, "--port", str(port),
        "--specialty", "Cardiology",
    )  # fmt: skip


@pytest.mark.proves("R40", "R47", "R49", "A11")
@pytest.mark.requires("storescp")
def test_a_pacs_is_active_in_works_once_it_was_tested_and_inactive_when_it_moves(
    own_gateway: Gateway, tmp_path: Path
) -> None:
    with Storescp(tmp_path).up() as pacs:
        assert add(own_gateway, "ARCHIVE", pacs.port)["status"] == "inactive"
        wait_for(lambda: is_told(own_gateway, status=ConnectionStatus.INACTIVE), TOLD_SECONDS, "Works has it, inactive")
        told = own_gateway.stage.gateway.ask("connections", "test", "ARCHIVE")
        assert told["succeeded"], told
        wait_for(lambda: is_told(own_gateway, status=ConnectionStatus.ACTIVE), TOLD_SECONDS, "Works has it, active")
        own_gateway.stage.gateway.ask("connections", "edit", "ARCHIVE", "--port", "1", "--name", "Moved")
        moved = {"status": ConnectionStatus.INACTIVE, "port": 1, "name": "Moved"}
        wait_for(lambda: is_told(own_gateway, **moved), TOLD_SECONDS, "Works knows that it moved")
        (listed,) = own_gateway.stage.gateway.ask("connections")["connections"]
        assert (listed["status"], listed["problem"]) == ("Inactive", None)


@pytest.mark.proves("R41", "R83", "R84", "A16")
def test_what_was_deleted_is_not_restored_by_a_reinstallation_and_the_rest_is(
    own_gateway: Gateway, tmp_path: Path
) -> None:
    for ae_title in ("ARCHIVE", "SECOND"):
        add(own_gateway, ae_title, 11112)
    wait_for(lambda: set(at_works(own_gateway)) == {"ARCHIVE", "SECOND"}, TOLD_SECONDS, "Works has both")
    own_gateway.stage.gateway.ask("connections", "delete", "ARCHIVE", "--yes")
    assert set(at_works(own_gateway)) == {"SECOND"}
    own_gateway.stage.gateway.stop()
    anew = own_gateway.cloud.gateway(tmp_path / "anew")
    try:
        anew.site = replace(own_gateway.site, licence_key=new_key(own_gateway))
        anew.open()
        restored = anew.stage.gateway.ask("connections")["connections"]
        assert [(one["ae_title"], one["status"]) for one in restored] == [("SECOND", "Inactive")]
        assert add(anew, "ARCHIVE", 11112)["status"] == "inactive"
        wait_for(lambda: set(at_works(anew)) == {"ARCHIVE", "SECOND"}, TOLD_SECONDS, "Works has the new one")
    finally:
        anew.stage.gateway.stop()


def new_key(gateway: Gateway) -> str:
    """The facility's key, made anew: the former gateway is deactivated."""
    with gateway.cloud.access.organisation(uuid.UUID(gateway.site.organisation_id)) as site:
        key = licence_keys.create(site, uuid.UUID(gateway.site.facility_id), by=None, now=datetime.now(UTC)).key
    gateway.cloud.stage.secrets.append(key)
    return key
