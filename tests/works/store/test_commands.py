"""Leases end; what is withdrawn does not come; who was told is remembered."""

from __future__ import annotations

import uuid
from datetime import timedelta

from smartlink.works.store import commands, lookups
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_a_lease_ends_by_the_clock(stage: Stage) -> None:
    now, gateway = stage.world.now, stage.gateway.id
    with stage.world.access.organisation(stage.organisation_id) as site:
        commands.insert(site, id=uuid.uuid4(), gateway_id=gateway, kind="synchronise", now=now)
        until = now + timedelta(seconds=60)
        (first,) = commands.lease(site, gateway, most=5, until=until, now=now)
        assert commands.lease(site, gateway, most=5, until=until, now=now) == []
        (again,) = commands.lease(site, gateway, most=5, until=until + timedelta(minutes=1), now=until)
        assert again == first
        assert commands.waiting(site, gateway, "synchronise")
        commands.acknowledge(site, gateway, [first.id], now)
        assert not commands.waiting(site, gateway, "synchronise")


def test_only_an_order_that_may_have_been_seen_is_to_be_cancelled_and_once(stage: Stage) -> None:
    (unseen,) = stage.submit(stage.exam())
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert not commands.withdraw(site, unseen, stage.world.now)
    assert stage.poll() == []
    (seen,) = stage.submit(stage.exam(1, study="1.2.9"))
    stage.poll()
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert commands.withdraw(site, seen, stage.world.now)
        commands.insert(
            site, id=uuid.uuid4(), gateway_id=stage.gateway.id, kind="cancel", delivery_id=seen, now=stage.world.now
        )
        assert not commands.withdraw(site, seen, stage.world.now)
    (command,) = stage.poll()
    assert command["kind"] == "cancel"


def test_a_released_command_was_seen_all_the_same(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    (command,) = stage.poll()
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert commands.release(site, stage.gateway.id, stage.world.now) == 1
        assert commands.release(site, stage.gateway.id, stage.world.now) == 0
    assert stage.poll() == [command]
    with stage.world.access.organisation(stage.organisation_id) as site:
        commands.release(site, stage.gateway.id, stage.world.now)
        assert commands.withdraw(site, delivery, stage.world.now)


def test_nothing_that_waits_is_purged_and_nothing_of_another_organisation(stage: Stage) -> None:
    now, gateway = stage.world.now, stage.gateway.id
    done, waits = uuid.uuid4(), uuid.uuid4()
    with stage.world.access.organisation(stage.organisation_id) as site:
        for one in (done, waits):
            commands.insert(site, id=one, gateway_id=gateway, kind="synchronise", now=now)
        commands.acknowledge(site, gateway, [done], now)
    later = now + timedelta(days=365)
    with stage.world.access.organisation(uuid.uuid4()) as other:
        assert commands.purge(other, later) == 0
    with stage.world.access.outside() as transaction:
        assert lookups.commands_done(transaction, now) == []
        assert lookups.commands_done(transaction, later) == [stage.organisation_id]
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert commands.purge(site, now) == 0
        assert commands.purge(site, later) == 1
        assert commands.waiting(site, gateway, "synchronise")
