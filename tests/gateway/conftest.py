"""What the gateway's tests share: a real catalogue, a real spool, a clock that is set by hand, instances to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smartlink.gateway.store.database import Database, open_in
from smartlink.gateway.store.spool import Kept, Provenance, Spool
from tests.gateway.fake_works import FakeWorks, serving

START = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def move(self, by: timedelta) -> datetime:
        self.time += by
        return self.time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_in(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "data" / "spool", tmp_path / "data" / "incomplete")


@pytest.fixture
def works() -> Iterator[FakeWorks]:
    with serving(FakeWorks()) as served:
        yield served


Keep = Callable[..., Kept]


@pytest.fixture
def keep(spool: Spool) -> Keep:
    """Keep an instance in the spool: `keep("1.2.3")`, `keep("1.2.3", data=b"…", ae="US02")`."""

    def make(uid: str, *, data: bytes = b"", ae: str = "US01", at: datetime = START) -> Kept:
        file = spool.create(
            Provenance(
                sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
                sop_instance_uid=uid,
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                calling_ae_title=ae,
                called_ae_title="SMARTLINKRCVR",
                peer_address="192.0.2.7",
                local_address="192.0.2.1",
            )
        )
        file.write(memoryview(data or f"the Data Set of {uid}".encode()))
        return file.commit(at)

    return make
