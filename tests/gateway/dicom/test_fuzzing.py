"""Whatever bytes a peer sends: the same events however cut, no exception but a protocol error, bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartlink.gateway.dicom import upper_layer as ul
from tests.gateway.dicom import fuzzing
from tests.gateway.dicom.fuzzing import FINDS, LIMITS, TARGETS, finds, seeds
from tests.gateway.dicom.wire import p_data


@st.composite
def spoilt(draw: st.DrawFn, target: str) -> bytes:
    """A valid input with some of its bytes changed, moved, repeated or replaced by another input's."""
    data = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.integers(0, 4)):
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
    layer = fuzzing._situation(1)  # noqa: SLF001  of the same test tool
    endless = p_data((1, 1, b"x" * 100)) * 10
    heard = list(fuzzing._heard(layer, endless, iter([7] * len(endless))))  # noqa: SLF001  likewise
    assert isinstance(heard[-1], ul.Faulted)
    assert "too long" in heard[-1].why
    assert LIMITS.command == 512
