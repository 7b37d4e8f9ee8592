from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import pytest

from smartlink.gateway import intake
from smartlink.gateway.intake import DiskSpace, Intake, StoreRefused, read_disk, reserve_of
from smartlink.gateway.store import spool
from smartlink.standard.status import Status
from tests.gateway.cast import NOON, REQUEST, House

GB = 1000**3


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "spool").rglob("*") if path.is_file()]


def refused(house: House, **changes: str) -> StoreRefused:
    with pytest.raises(StoreRefused) as caught:
        house.intake.begin(dataclasses.replace(REQUEST, **changes))
    return caught.value


def test_a_kept_instance_is_told_to_the_ledger(house: House) -> None:
    reception = house.intake.begin(REQUEST)
    reception.write(memoryview(b"data"))
    kept = reception.finish()
    assert house.kept == [kept]
    assert (kept.sop_instance_uid, kept.calling_ae_title, kept.kept_at) == ("1.2.3.4", "US01", NOON)
    assert house.data_set_of(kept.name) == b"data"


@pytest.mark.parametrize("uid", ["", "1" + ".2" * 32, "../../etc/passwd", "1.2.x", "1..2", "1.2.3\n"])
def test_a_bad_instance_uid_is_refused_before_anything_is_written(house: House, tmp_path: Path, uid: str) -> None:
    refusal = refused(house, sop_instance_uid=uid)
    assert refusal.status is Status.INVALID_SOP_INSTANCE
    assert uid == "" or uid not in refusal.reason
    assert files(tmp_path) == []


def test_a_bad_class_uid_is_refused(house: House) -> None:
    assert refused(house, sop_class_uid="no class").status is Status.REFUSED_SOP_CLASS_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("total", "wished", "reserve"),
    [(50 * GB, None, 5 * GB), (1000 * GB, None, 50 * GB), (1000 * GB, 7, 7), (1000 * GB, 0, 0)],
)
def test_the_reserve_is_the_larger_of_5_gb_and_5_percent_unless_set(
    total: int, wished: int | None, reserve: int
) -> None:
    assert reserve_of(DiskSpace(total, total), wished) == reserve


def test_a_disk_under_its_reserve_refuses_before_writing(house: House, tmp_path: Path) -> None:
    house.disk = DiskSpace(total=100 * GB, free=5 * GB - 1)
    assert refused(house).status is Status.OUT_OF_RESOURCES
    assert files(tmp_path) == []
    house.disk = DiskSpace(total=100 * GB, free=5 * GB)
    house.intake.begin(REQUEST).abandon()


def test_a_disk_that_falls_under_its_reserve_stops_a_large_instance(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_CHECK_EVERY", 1000)
    reception = house.intake.begin(REQUEST)
    reception.write(memoryview(bytes(1000)))
    house.disk = DiskSpace(total=100 * GB, free=1)
    with pytest.raises(StoreRefused) as caught:
        reception.write(memoryview(b"x"))
    assert caught.value.status is Status.OUT_OF_RESOURCES
    assert files(tmp_path) == []


def test_a_reading_of_the_disk_that_fails_refuses(house: House) -> None:
    def broken() -> DiskSpace:
        raise OSError(errno.EIO, "no")

    blind = Intake(house.spool, broken, lambda: None, house.kept.append, lambda: NOON)
    with pytest.raises(StoreRefused, match="EIO"):
        blind.begin(REQUEST)


def test_a_catalogue_that_cannot_be_written_refuses_new_instances(house: House) -> None:
    house.ready = False
    assert refused(house).status is Status.OUT_OF_RESOURCES


def test_a_sender_that_may_not_store_is_refused_with_the_rules_own_status(house: House) -> None:
    house.refuse = StoreRefused(Status.REFUSED_NOT_AUTHORIZED, "This AE title is a PACS of ours.")
    assert refused(house).status is Status.REFUSED_NOT_AUTHORIZED


def test_an_empty_data_set_cannot_be_understood(house: House, tmp_path: Path) -> None:
    with pytest.raises(StoreRefused) as caught:
        house.intake.begin(REQUEST).finish()
    assert caught.value.status is Status.CANNOT_UNDERSTAND
    assert files(tmp_path) == []
    assert house.kept == []


def test_an_instance_beyond_the_limit_is_refused(house: House, tmp_path: Path) -> None:
    small = Intake(
        house.spool, lambda: house.disk, lambda: None, house.kept.append, lambda: NOON, largest_instance=lambda: 10
    )
    reception = small.begin(REQUEST)
    reception.write(memoryview(bytes(10)))
    with pytest.raises(StoreRefused, match="larger"):
        reception.write(memoryview(b"x"))
    assert files(tmp_path) == []


def test_an_abandoned_instance_leaves_nothing(house: House, tmp_path: Path) -> None:
    reception = house.intake.begin(REQUEST)
    reception.write(memoryview(b"half"))
    reception.abandon()
    assert files(tmp_path) == []
    assert house.kept == []


def test_a_disk_that_fills_up_is_said_and_the_part_removed(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    reception = house.intake.begin(REQUEST)
    monkeypatch.setattr(spool, "_write", full)
    with pytest.raises(StoreRefused, match=r"The disk is full\.") as caught:
        reception.write(memoryview(b"data"))
    assert caught.value.status is Status.OUT_OF_RESOURCES
    assert files(tmp_path) == []


def test_a_flush_that_fails_is_no_success(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    reception = house.intake.begin(REQUEST)
    reception.write(memoryview(b"data"))
    monkeypatch.setattr("smartlink.gateway.store.spool.flush_file", broken)
    with pytest.raises(StoreRefused, match="EIO"):
        reception.finish()
    assert house.kept == []
    assert files(tmp_path) == []


def test_the_disk_is_read_as_it_is(tmp_path: Path) -> None:
    reading = read_disk(tmp_path)
    assert 0 < reading.free <= reading.total
