"""Whatever bytes a peer sends: the same events however cut, no exception but a protocol error, bounded memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartlink.gateway.dicom import command as dimse
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from tests.gateway.dicom import fuzzing
from tests.gateway.dicom.fuzzing import FINDS, LIMITS, TARGETS, finds, seeds
from tests.gateway.dicom.wire import ECHO, p_data


@st.composite
def spoilt(draw: st.DrawFn, target: str) -> bytes:
    """A valid input with some of its bytes changed, moved, repeated or replaced by another input's."""
    data = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.integers(0, 5)):
            case 5:
                del data[at:]
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=2))
            case 1:
                del data[at : at + draw(st.integers(1, 20))]
            case 2:
                data[at:at] = draw(st.binary(max_size=20))
            case 3:
                data[at:at] = data[at : at + draw(st.integers(1, 60))]
            case _:
                data[at:] = draw(st.sampled_from(seeds(target)))[at:]
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS)
def test_valid_inputs_pass(target: str) -> None:
    for one in seeds(target):
        TARGETS[target](one)


def test_a_valid_conversation_keeps_its_image() -> None:
    """Else the promises about what is kept would hold for want of anything to keep."""
    kept = [one for seed in seeds("association") for one in fuzzing.served(seed, iter([1 << 16] * 9))]
    assert b"halfwhole" in kept


def test_a_conversation_that_breaks_off_anywhere_leaves_nothing_open() -> None:
    for seed in seeds("association")[:2]:
        for end in range(5, len(seed), 3):
            fuzzing.association(seed[:end])


@settings(max_examples=120)
@given(st.data(), st.binary(min_size=4, max_size=4), st.integers(0, fuzzing.SCENES - 1))
def test_the_events_are_the_same_however_the_bytes_are_cut(data: st.DataObject, cuts: bytes, scene: int) -> None:
    stream = data.draw(spoilt("conversation"))[5:]
    fuzzing.conversation(bytes((scene,)) + cuts + stream)


@pytest.mark.parametrize("target", TARGETS)
def test_spoilt_inputs_break_nothing(target: str) -> None:
    @settings(max_examples=50)
    @given(spoilt(target))
    def each(data: bytes) -> None:
        TARGETS[target](data)

    each()


@settings(max_examples=80)
@given(st.sampled_from(sorted(TARGETS)), st.binary(max_size=300))
def test_arbitrary_bytes_break_nothing(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_fuzzer_found_stays_mended(target: str) -> None:
    assert finds(target)
    for one in finds(target):
        TARGETS[target](one)


def test_every_file_of_finds_belongs_to_a_target() -> None:
    assert {path.stem for path in FINDS.glob("*")} <= set(TARGETS)


def test_an_endless_command_is_refused_at_its_limit() -> None:
    """The invariant of memory is seen to hold where it is hardest: a peer that never says `last`."""
    layer = fuzzing.situation(1)
    endless = p_data((1, 1, b"x" * 100)) * 10
    heard = list(fuzzing.heard(layer, endless, iter([7] * len(endless))))
    assert isinstance(heard[-1], ul.Faulted)
    assert "too long" in heard[-1].why
    assert LIMITS.command == 512


ENDLESS: dict[str, tuple[int, bytes, int]] = {
    "fragments of a Data Set": (2, p_data((1, 0, b"x" * 1900)), 8_000_000),
    "fragments of a command": (1, p_data((1, 1, b"x" * 1900)), 8_000_000),
    "PDVs without a byte": (2, p_data(*[(1, 0, b"")] * 300), 100_000),
    "whole messages": (1, p_data((3, 3, dimse.encode(ECHO))), 100_000),
    "a request that never ends": (0, b"\1\0" + LIMITS.associate.to_bytes(4, "big") + b"x" * 1_000_000, 8_000_000),
    "data after an unanswered release": (
        1,
        pdu.RELEASE_RQ + p_data((1, 2, b"x" * 1900)) * 1000,
        8_000_000,
    ),
    "garbage": (1, b"\xff" * 65_536, 8_000_000),
}
MOST = 64 * 1024 + 2 * (LIMITS.associate + LIMITS.command)
"""What an Upper Layer may hold at any time: a piece of what was received, and what is within the limits."""


@pytest.mark.parametrize(("scene", "piece", "size"), ENDLESS.values(), ids=ENDLESS.keys())
def test_however_long_a_peer_goes_on_memory_does_not_grow(scene: int, piece: bytes, size: int) -> None:
    """Measured from outside, so that a buffer that nobody thought of is seen, too."""
    layer = fuzzing.situation(scene)
    tracemalloc.start()
    try:
        for _ in range(size // len(piece) or 1):
            for at in range(0, len(piece), 8192):
                layer.receive(memoryview(piece)[at : at + 8192])
                while layer.next_event() is not None:
                    pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST
