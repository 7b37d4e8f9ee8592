"""What the gateway's tests share: a real catalogue, a real spool, a clock that is set by hand, instances to keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

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
Command = Callable[..., dict[str, Any]]


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


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command on a data folder of its own and return its JSON; `code` is the exit code expected."""
    from smartlink.gateway.cli import app  # noqa: PLC0415  a test of its imports starts without them

    def run(*words: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            app([*words, "--data", str(tmp_path / "data"), "--json"])
        assert (end.value.code or 0) == code
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run


@pytest.fixture(autouse=True)
def _forget_logging() -> Iterator[None]:
    """A command sends the lines of its process to a file: the next test's are not meant for it."""
    yield
    structlog.reset_defaults()
