"""The stream: it hears of its own organisation, holds nothing, and ends with the session."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime

import pytest

from smartlink.works.web import live
from smartlink.works.web.asking import Visitor
from tests.works.web.town import Town


def _visitor(town: Town, *, elsewhere: bool = False) -> Visitor:
    place, person = (town.elsewhere, town.charlie) if elsewhere else (town.lakeside, town.bob)
    return Visitor(person, place.organisation_id, town.now)


async def _said(town: Town, visitor: Visitor, change: Callable[[], object] | None, seconds: float) -> list[bytes]:
    """What the stream says until its end, `change` being done once it listens."""
    said = []
    async for piece in live.changes(town.parts, visitor, seconds):
        said.append(piece)
        if len(said) == 1 and change is not None:
            await asyncio.to_thread(change)
        if piece == live.CHANGED:
            break
    return said


def test_a_change_is_told_to_its_own_organisation(town: Town) -> None:
    assert town.listener.listening(30)
    said = asyncio.run(_said(town, _visitor(town), lambda: town.exam(town.bob), 30.0))
    assert said[-1] == live.CHANGED
    assert b"data:\n" in live.CHANGED  # nothing but the news that there is news


def test_another_organisation_hears_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    assert town.listener.listening(30)
    heard = threading.Event()
    monkeypatch.setattr(live, "EVERY_SECONDS", 3600.0)

    async def both() -> list[bytes]:
        charlie = asyncio.create_task(_said(town, _visitor(town, elsewhere=True), None, 3600.0))
        await _said(town, _visitor(town), lambda: town.exam(town.bob), 30.0)
        heard.set()
        assert not charlie.done()
        charlie.cancel()
        return []

    asyncio.run(both())
    assert heard.is_set()


def test_a_stream_ends_when_its_session_would(town: Town) -> None:
    async def whole() -> list[bytes]:
        return [piece async for piece in live.changes(town.parts, _visitor(town), 0.05)]

    assert asyncio.run(whole())[0] == b": listening\n\n"


def test_many_streams_hold_no_thread_and_no_connection(town: Town) -> None:
    assert town.listener.listening(30)

    async def many() -> tuple[int, int]:
        before = threading.active_count()
        tasks = [asyncio.create_task(_said(town, _visitor(town), None, 30.0)) for _ in range(200)]
        await asyncio.sleep(0)
        during = threading.active_count()
        await asyncio.to_thread(town.exam, town.bob)
        for task in tasks:
            assert (await task)[-1] == live.CHANGED
        return before, during

    before, during = asyncio.run(many())
    assert during <= before


def test_the_door_is_async_so_that_it_takes_no_worker(town: Town, now: datetime) -> None:
    assert asyncio.iscoroutinefunction(live.live)
    assert now != town.now
