"""Part 10 files that others can read, whole or not at all."""

import hashlib
import zlib
from pathlib import Path

import pytest

from smartlink.works.exams import object_file
from smartlink.works.exams.header import file_meta
from smartlink.works.exams.object_file import CannotDerive, Writer, opened
from tests.works.exams.judges import dump, sample
from tests.works.exams.part10 import DEFLATED, EXPLICIT, US_IMAGE, dataset, part10

SOP = "1.2.3.4.5"


@pytest.mark.requires("dcmdump")
@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
def test_a_file_is_written_with_its_digests(tmp_path: Path, syntax: str) -> None:
    path, body = tmp_path / "new.dcm", dataset(SOP)
    with Writer(path, syntax, US_IMAGE, SOP) as writer:
        for at in range(0, len(body), 7):
            writer.put(body[at : at + 7])
    whole = path.read_bytes()
    assert writer.written.size == len(whole)
    assert writer.written.object_sha256 == hashlib.sha256(whole).digest()
    with path.open("rb") as file:
        _, offset = file_meta(file)
    assert writer.written.dataset_sha256 == hashlib.sha256(whole[offset:]).digest()
    assert len(whole[offset:]) % 2 == 0
    assert f"[{SOP}]" in dump(path)
    with opened(path) as source:
        source.file.seek(source.offset)
        assert source.file.read() == body


def test_nothing_stays_behind_when_something_goes_wrong(tmp_path: Path) -> None:
    path = tmp_path / "new.dcm"
    with pytest.raises(ZeroDivisionError), Writer(path, EXPLICIT, US_IMAGE, SOP) as writer:
        writer.put(b"half of it")
        raise ZeroDivisionError
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", bytes(128) + b"DICM\2\0\1\0OB"])
def test_what_is_no_dicom_cannot_be_derived_from(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "old.dcm"
    path.write_bytes(content)
    with pytest.raises(CannotDerive, match="not encoded as DICOM prescribes"), opened(path):
        pass


def test_a_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_file, "_LARGEST_INFLATED", 100_000)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path = tmp_path / "bomb.dcm"
    path.write_bytes(part10(packer.compress(bytes(3_000_000)) + packer.flush(), SOP, syntax=DEFLATED))
    with pytest.raises(CannotDerive, match="larger than this program takes"), opened(path):
        pass


def test_a_deflated_file_is_read_inflated() -> None:
    with opened(sample("image_dfl.dcm")) as source:
        assert (source.syntax, source.offset) == (DEFLATED, 0)
        source.file.seek(0)
        assert source.file.read(2) == b"\x08\x00"
