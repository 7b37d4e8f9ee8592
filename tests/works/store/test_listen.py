"""One LISTEN, many who wait."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from smartlink.works.access import Access
from smartlink.works.store.listen import Listener, tell, wake
from tests.works.services import TestDatabase


@pytest.fixture
def listener(database: TestDatabase) -> Iterator[Listener]:
    listener = Listener(database.application_url)
    listener.start()
    assert listener.listening(10)
    yield listener
    listener.close()


async def heard(listener: Listener, organisation: uuid.UUID, *changes: tuple[Access, uuid.UUID]) -> int:
    """How many looks the subscriber takes after these changes."""
    async with listener.subscribe(organisation) as queue:
        for access, changed in changes:
            await asyncio.to_thread(_change, access, changed)
        async with asyncio.timeout(10):
            await queue.get()
        return 1 + queue.qsize()


def _change(access: Access, organisation: uuid.UUID) -> None:
    with access.organisation(organisation) as site:
        tell(site, uuid.uuid4())


def test_a_change_in_the_organisation_is_heard(listener: Listener, access: Access) -> None:
    ours = uuid.uuid4()
    assert asyncio.run(heard(listener, ours, (access, ours))) == 1


def test_another_organisations_change_is_not_heard(listener: Listener, access: Access) -> None:
    ours, theirs = uuid.uuid4(), uuid.uuid4()

    async def wait() -> None:
        async with listener.subscribe(theirs) as queue, listener.subscribe(ours) as own:
            await asyncio.to_thread(_change, access, ours)
            async with asyncio.timeout(10):
                await own.get()  # by now the change has gone round
            assert queue.empty()

    asyncio.run(wait())


def test_a_change_undone_is_not_heard(listener: Listener, access: Access) -> None:
    ours = uuid.uuid4()

    async def wait() -> None:
        async with listener.subscribe(ours) as queue:
            with pytest.raises(RuntimeError), access.organisation(ours) as site:
                tell(site, uuid.uuid4())
                raise RuntimeError
            await asyncio.to_thread(_change, access, ours)
            async with asyncio.timeout(10):
                await queue.get()
            assert queue.empty()

    asyncio.run(wait())


def test_after_the_end_nobody_is_subscribed(listener: Listener, access: Access) -> None:
    ours = uuid.uuid4()
    assert asyncio.run(heard(listener, ours, (access, ours))) == 1
    _change(access, ours)  # the subscriber's loop is closed by now: nothing breaks


def test_a_gateway_is_woken_for_itself_alone(listener: Listener, access: Access) -> None:
    organisation, gateway, other = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()

    def command() -> None:
        with access.organisation(organisation) as site:
            wake(site, gateway)

    async def wait() -> None:
        async with listener.subscribe(other) as others, listener.subscribe(gateway) as own:
            assert (listener.waiting(gateway), listener.waiting(other)) == (1, 1)
            await asyncio.to_thread(command)
            async with asyncio.timeout(10):
                await own.get()
            assert others.empty()
        assert listener.waiting(gateway) == 0

    asyncio.run(wait())


def test_everybody_is_released_when_works_ends(listener: Listener) -> None:
    async def wait() -> None:
        async with listener.subscribe(uuid.uuid4()) as one, listener.subscribe(uuid.uuid4()) as other:
            assert not listener.released
            listener.release()
            async with asyncio.timeout(10):
                await one.get()
                await other.get()
        assert listener.released

    asyncio.run(wait())
