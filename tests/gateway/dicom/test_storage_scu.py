from __future__ import annotations

import socket
from dataclasses import replace
from io import FileIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pydicom
import pytest

from smartlink.gateway.calling import (
    Answered,
    AssociationFailed,
    ContextRefused,
    Layer,
    Outcome,
    SendLimits,
    Unreadable,
)
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.storage_scu import FALLBACK, outgoing, store
from smartlink.gateway.intake import DiskSpace
from smartlink.standard.sop_class import STORAGE
from smartlink.standard.transfer_syntax import JPEG_BASELINE
from tests.gateway.cast import RECEIVER, House
from tests.gateway.dicom.pacs import FILES, Callee, archive, data_set, items, scripted, storescp, told

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


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


def test_files_that_cannot_be_read_are_told_and_the_others_go(house: House, tmp_path: Path) -> None:
    good, missing, short, empty = items(FILES[0], *FILES[:3])
    outgoings = [
        replace(missing, path=tmp_path / "missing"),
        replace(short, dataset_length=short.dataset_length + 1),
        replace(empty, dataset_length=0),
        good,
    ]
    with house.receiver() as receiver:
        outcomes = told(archive(receiver.port, RECEIVER), outgoings)
    assert [type(outcome) for outcome in outcomes] == [Unreadable, Unreadable, Unreadable, Answered]
    assert [outcome.key for outcome in outcomes] == [item.key for item in outgoings]
    assert len(house.kept) == 1


class Shrinking:
    """A file that becomes shorter while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, mode: str, buffering: int) -> FileIO:
        assert (mode, buffering) == ("rb", 0)
        return ShrinkingFile(self.path)


class ShrinkingFile(FileIO):
    def readinto(self, _: WriteableBuffer, /) -> int:
        return 0


def test_a_file_that_shrinks_in_the_middle_is_taken_back_and_the_others_go(house: House) -> None:
    first, second, third = items(*FILES[:3])
    shrinking = cast("Path", Shrinking(FILES[1]))
    with house.receiver() as receiver:
        outcomes = told(archive(receiver.port, RECEIVER), [first, replace(second, path=shrinking), third])
    assert [type(outcome) for outcome in outcomes] == [Answered, Unreadable, Answered]
    assert [kept.sop_instance_uid for kept in house.kept] == [first.sop_instance_uid, third.sop_instance_uid]


def test_more_contexts_than_one_association_has_take_several() -> None:
    proposed: list[int] = []

    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        proposed.append(len(callee.proposed))
        while callee.message_follows():
            callee.answer(*callee.take())

    one = replace(items(FILES[0])[0], transfer_syntax_uid=JPEG_BASELINE)
    outgoings = [replace(one, key=key, sop_class_uid=uid) for key, uid in enumerate(list(STORAGE)[:50])]
    with scripted(play) as port:
        assert told(archive(port), outgoings) == [Answered(key, 0) for key in range(50)]
    assert proposed == [126, 24]


def test_each_class_is_proposed_as_stored_and_uncompressed_each_in_a_context_of_its_own() -> None:
    seen: list[tuple[str, tuple[str, ...]]] = []

    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        seen.extend((one.abstract_syntax, one.transfer_syntaxes) for one in callee.proposed)
        for _ in range(2):
            callee.answer(*callee.take())
        callee.hear()

    item = items(FILES[0])[0]
    with scripted(play) as port:
        told(archive(port), [replace(item, transfer_syntax_uid=JPEG_BASELINE), item])
    assert seen == [
        (item.sop_class_uid, (JPEG_BASELINE,)),
        (item.sop_class_uid, (FALLBACK[0],)),
        (item.sop_class_uid, (FALLBACK[1],)),
    ]


@pytest.mark.parametrize("maximum_length", [0, 7, 8, 4096, 2**32 - 1])
def test_whatever_length_a_peer_takes_the_bytes_are_the_same(maximum_length: int) -> None:
    got = bytearray()
    sizes: set[int] = set()

    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate(maximum_length)
        command = callee.hear()
        assert isinstance(command, ul.CommandReceived)
        while isinstance(fragment := callee.hear(), ul.DataFragment):
            got.extend(fragment.data)
            sizes.add(len(fragment.data))
            if fragment.last:
                break
        callee.answer(command.context_id, command.command)
        callee.hear()

    small = replace(items(FILES[0])[0], dataset_length=600)
    with scripted(play) as port:
        assert told(archive(port), [small]) == [Answered(0, 0)]
    assert bytes(got) == data_set(FILES[0])[:600]


def test_a_peer_that_takes_an_image_too_slowly_is_given_up(tmp_path: Path) -> None:
    """The clock runs a minute for each look at it: the peer reads all the time, and is still too slow."""
    path = tmp_path / "large.dcm"
    with path.open("wb") as file:
        file.truncate(10_000_000)
    item = replace(items(FILES[0])[0], path=path, dataset_offset=0, dataset_length=10_000_000)
    minutes = count(0, 60)
    limits = SendLimits(associate_seconds=10**6, idle_seconds=120, slowest_bytes_per_second=10**6)

    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        while not isinstance(callee.hear(), ul.Aborted | ul.TransportClosed):
            continue

    outcomes: list[Outcome] = []
    with scripted(play) as port, pytest.raises(AssociationFailed, match="too slowly") as failed:
        store(archive(port), [item], limits, outcomes.append, clock=lambda: float(next(minutes)))
    assert failed.value.layer is Layer.TIMEOUT
    assert outcomes == []


def test_told_to_stop_it_ends_in_order_after_the_image_in_hand(house: House) -> None:
    outcomes: list[Outcome] = []
    with house.receiver() as receiver:
        peer = archive(receiver.port, RECEIVER)
        store(peer, items(*FILES), SendLimits(), outcomes.append, lambda: len(outcomes) >= 2)
    assert outcomes == [Answered(0, 0), Answered(1, 0)]
    assert len(house.kept) == 2
