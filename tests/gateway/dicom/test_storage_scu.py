from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from smartlink.gateway.calling import Answered, AssociationFailed, ContextRefused, Layer
from smartlink.gateway.dicom.storage_scu import FALLBACK, outgoing
from smartlink.gateway.intake import DiskSpace
from tests.gateway.cast import RECEIVER, House
from tests.gateway.dicom.pacs import FILES, archive, data_set, items, storescp, told


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_files_arrive_as_they_are(house: House) -> None:
    with house.receiver() as receiver:
        outcomes = told(archive(receiver.port, RECEIVER), items(*FILES))
    assert outcomes == [Answered(key, 0) for key in range(4)]
    assert [house.data_set_of(kept.name) for kept in house.kept] == [data_set(path) for path in FILES]
    assert [kept.transfer_syntax_uid for kept in house.kept] == [
        pydicom.dcmread(path, specific_tags=[]).file_meta.TransferSyntaxUID for path in FILES
    ]


@pytest.mark.real
@pytest.mark.requires("storescp")
def test_dcmtk_takes_what_we_send(tmp_path: Path) -> None:
    with storescp(tmp_path / "out", "-pdu", "4096", "+B", "+xa") as port:
        outcomes = told(archive(port), items(*FILES[:2]))
    assert outcomes == [Answered(0, 0), Answered(1, 0)]
    assert sorted(map(data_set, (tmp_path / "out").iterdir())) == sorted(map(data_set, FILES[:2]))


@pytest.mark.real
@pytest.mark.requires("storescp")
def test_a_pacs_that_takes_uncompressed_only_says_what_it_would_take(tmp_path: Path) -> None:
    with storescp(tmp_path / "out") as port:
        outcomes = told(archive(port), items(*FILES[:2]))
    assert outcomes == [Answered(0, 0), ContextRefused(1, FALLBACK)]


def test_a_refusal_is_one_files_own(house: House) -> None:
    house.disk = DiskSpace(10**12, 0)
    with house.receiver() as receiver:
        outcomes = told(archive(receiver.port, RECEIVER), items(*FILES[:2]))
    assert outcomes == [Answered(0, 0xA700), Answered(1, 0xA700)]


def test_a_class_that_the_peer_does_not_take_is_said(house: House, tmp_path: Path) -> None:
    odd = tmp_path / "odd.dcm"
    private = pydicom.dcmread(FILES[0])
    private.SOPClassUID = private.file_meta.MediaStorageSOPClassUID = "1.2.840.113619.4.30"  # type: ignore[assignment]
    private.save_as(odd)
    with house.receiver() as receiver:
        outcomes = told(archive(receiver.port, RECEIVER), [outgoing(7, odd), outgoing(8, FILES[0])])
    assert outcomes == [ContextRefused(7, ()), Answered(8, 0)]


def test_a_rejection_is_told_in_words(house: House) -> None:
    with (
        house.receiver() as receiver,
        pytest.raises(AssociationFailed, match="called AE title not recognised") as failed,
    ):
        told(archive(receiver.port, "SOMEONE"), items(FILES[0]))
    assert failed.value.layer is Layer.ASSOCIATION
