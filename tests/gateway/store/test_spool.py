from __future__ import annotations

import shutil
from io import SEEK_END
from pathlib import Path

import httpx
import pydicom
import pytest

from smartlink.gateway.store.spool import MARK, Kept, Provenance, Spool, SpoolDamaged
from smartlink.standard.sop_class import ULTRASOUND_IMAGE
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from tests.gateway.cast import NOON

ORIGIN = Provenance(
    ULTRASOUND_IMAGE, "1.2.3.4", EXPLICIT_VR_LITTLE_ENDIAN, "US01", "SMARTLINKRCVR", "10.0.0.7", "h:5104"
)
DATA_SET = b"\x08\x00\x18\x00UI\x08\x001.2.3.4\x00" + b"\x09\x00\x01\x00LO\x04\x00odd " * 300


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def keep(spool: Spool, data_set: bytes = DATA_SET) -> Kept:
    file = spool.create(ORIGIN)
    for at in range(0, len(data_set), 100):
        file.write(memoryview(data_set)[at : at + 100])
    return file.commit(NOON)


def path_of(spool: Spool, kept: Kept, tmp_path: Path) -> Path:
    assert kept.name in list(spool.names())
    return tmp_path / "spool" / kept.name


@pytest.mark.proves("R68")
def test_what_is_kept_is_what_was_written(spool: Spool) -> None:
    kept = keep(spool)
    with spool.open(kept.name) as file:
        whole = file.read()
    assert whole[kept.dataset_offset :] == DATA_SET
    assert whole.startswith(MARK)
    assert kept.dataset_length == len(DATA_SET)


def test_the_file_says_everything_of_itself_again(spool: Spool) -> None:
    kept = keep(spool)
    assert spool.read(kept.name) == kept
    assert spool.check(kept.name) == kept


def test_pydicom_reads_the_provenance(spool: Spool, tmp_path: Path) -> None:
    kept = keep(spool)
    meta = pydicom.dcmread(path_of(spool, kept, tmp_path), stop_before_pixels=True).file_meta
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (ULTRASOUND_IMAGE, "1.2.3.4")
    assert (meta.SourceApplicationEntityTitle, meta.ReceivingApplicationEntityTitle) == ("US01", "SMARTLINKRCVR")
    assert meta.SourcePresentationAddress == "dicom://10.0.0.7"
    assert meta.ReceivingPresentationAddress == "dicom://h:5104"


def test_a_file_that_is_being_written_has_no_name_yet(spool: Spool) -> None:
    file = spool.create(ORIGIN)
    assert list(spool.names()) == []
    file.write(memoryview(DATA_SET))
    kept = file.commit(NOON)
    assert list(spool.names()) == [kept.name]


def test_a_discarded_file_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    file = spool.create(ORIGIN)
    file.write(memoryview(DATA_SET))
    file.discard()
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


@pytest.mark.proves("R151")
@pytest.mark.parametrize("cut", [1, 2, 100, len(DATA_SET), len(DATA_SET) + 1, len(DATA_SET) + 300])
def test_a_file_cut_short_is_damaged(spool: Spool, tmp_path: Path, cut: int) -> None:
    kept = keep(spool)
    path = path_of(spool, kept, tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    for look in (spool.read, spool.check):
        with pytest.raises(SpoolDamaged):
            look(kept.name)


def test_every_flipped_byte_is_damage(spool: Spool, tmp_path: Path) -> None:
    kept = keep(spool, DATA_SET[:200])
    path = path_of(spool, kept, tmp_path)
    whole = path.read_bytes()
    for at in [*range(kept.dataset_offset), *range(kept.dataset_offset, len(whole), 17), len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        path.write_bytes(damaged)
        with pytest.raises(SpoolDamaged):
            spool.check(kept.name)


def test_a_file_longer_than_its_mark_says_is_damaged(spool: Spool, tmp_path: Path) -> None:
    kept = keep(spool)
    with path_of(spool, kept, tmp_path).open("ab") as file:
        file.write(b"x")
    with pytest.raises(SpoolDamaged, match="as long as"):
        spool.read(kept.name)


@pytest.mark.parametrize("foreign", [b"", b"x" * 50, b"\0" * 128 + b"DICM" + b"\0" * 500, MARK.ljust(400, b"\0")])
def test_a_foreign_file_is_damaged(spool: Spool, tmp_path: Path, foreign: bytes) -> None:
    name = "ab/" + "0" * 30
    (tmp_path / "spool" / name).write_bytes(foreign)
    assert list(spool.names()) == [name]
    with pytest.raises(SpoolDamaged):
        spool.check(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "ab/..", "/etc/passwd", "", "ab/" + "0" * 29, "zz/" + "0" * 30])
def test_only_names_of_the_spool_open_files(spool: Spool, name: str) -> None:
    for use in (spool.open, spool.read, spool.check, spool.part10_parts, spool.remove):
        with pytest.raises(SpoolDamaged):
            use(name)


def test_a_missing_file_is_damaged_and_its_removal_harmless(spool: Spool) -> None:
    kept = keep(spool)
    spool.remove(kept.name)
    spool.remove(kept.name)
    with pytest.raises(SpoolDamaged, match="FileNotFoundError"):
        spool.read(kept.name)


def test_a_file_set_aside_is_out_of_the_spool_and_still_there(spool: Spool, tmp_path: Path) -> None:
    kept = keep(spool)
    path = path_of(spool, kept, tmp_path)
    aside = spool.set_aside(kept.name)
    assert aside.parent == tmp_path / "incomplete"
    assert not path.exists()
    assert aside.stat().st_size == kept.dataset_offset + kept.dataset_length


def test_what_leaves_the_gateway_has_a_preamble_of_zeros_and_no_other_change(spool: Spool, tmp_path: Path) -> None:
    kept = keep(spool)
    whole = path_of(spool, kept, tmp_path).read_bytes()
    with spool.part10_parts(kept.name) as part10:
        assert part10.length == len(whole)
        assert part10.read() == bytes(128) + whole[128:]
        part10.seek(100)
        assert part10.read(50) == bytes(28) + whole[128:150]
        assert part10.seek(0, SEEK_END) == len(whole)


def test_httpx_knows_the_length_of_what_leaves(spool: Spool) -> None:
    with spool.part10_parts(keep(spool).name) as part10:
        request = httpx.Request("PUT", "http://127.0.0.1/x", content=part10)
        assert request.headers["Content-Length"] == str(part10.length)


def test_files_are_private(spool: Spool, tmp_path: Path) -> None:
    assert path_of(spool, keep(spool), tmp_path).stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_told_and_leaves_no_name(spool: Spool, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "spool")
    with pytest.raises(OSError, match="No such file"):
        spool.create(ORIGIN)
