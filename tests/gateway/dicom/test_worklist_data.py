"""The Identifier says what is wanted; answers are read by their bytes, whatever these are."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from smartlink.gateway.dicom.worklist_data import LONGEST, UnreadableAnswer, read_answers, write_identifier
from smartlink.gateway.worklist import Asked, Key
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from tests.gateway.dicom.worklist_server import NAMES, charset_steps, encoded, step

SYNTAXES = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ASKED = Asked(date(2026, 11, 24), date(2026, 11, 25), "US", "US01", None)


@pytest.mark.proves("R52")
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_identifier_matches_day_modality_and_station_and_asks_for_the_rest(syntax: str) -> None:
    found: Any = read_dataset(
        BytesIO(write_identifier(ASKED, syntax)),
        is_implicit_VR=syntax == IMPLICIT_VR_LITTLE_ENDIAN,
        is_little_endian=True,
    )
    (scheduled,) = found.ScheduledProcedureStepSequence
    assert scheduled.ScheduledProcedureStepStartDate == "20261124-20261125"
    assert (scheduled.Modality, scheduled.ScheduledStationAETitle) == ("US", "US01")
    wanted = {element.keyword for element in [*found, *scheduled]}
    assert wanted >= {key.value for key in Key}
    assert all(not element.value for element in found if element.VR != "SQ")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_answer_gives_all_that_an_item_needs(syntax: str) -> None:
    (answer,) = read_answers(encoded(step(NOON), syntax), syntax)
    assert answer.values[Key.PATIENT_NAME] == "Zzyxpatient^Marker"
    assert answer.values[Key.STUDY_INSTANCE_UID] == "1.2.3.1"
    assert answer.values[Key.START_TIME] == "120000"
    assert answer.values[Key.STEP_ID] == "S1"
    assert not answer.guessed


@pytest.mark.proves("R52")
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_character_set_of_pydicoms_files_is_read_letter_for_letter(syntax: str) -> None:
    steps = charset_steps(NOON)
    assert steps.keys() == NAMES.keys()
    for name, made in steps.items():
        (answer,) = read_answers(encoded(made, syntax), syntax)
        assert (answer.values[Key.PATIENT_NAME].rstrip(), answer.guessed) == (NAMES[name], False)


def test_an_item_of_the_sequence_may_have_a_character_set_of_its_own() -> None:
    made: Any = step(NOON, SpecificCharacterSet="ISO_IR 100", PatientName="Müller")
    scheduled = made.ScheduledProcedureStepSequence[0]
    scheduled.SpecificCharacterSet = "ISO_IR 192"
    scheduled.ScheduledProcedureStepDescription = "Herzultraschall 心"
    (answer,) = read_answers(encoded(made), EXPLICIT_VR_LITTLE_ENDIAN)
    assert answer.values[Key.PATIENT_NAME] == "Müller"
    assert answer.values[Key.STEP_DESCRIPTION] == "Herzultraschall 心"


def test_misdeclared_text_is_read_as_it_was_meant_and_marked() -> None:
    told = encoded(step(NOON, SpecificCharacterSet="ISO_IR 192", PatientName="Núñez"))
    (answer,) = read_answers(told.replace(b"ISO_IR 192", b"ISO_IR 100"), EXPLICIT_VR_LITTLE_ENDIAN)
    assert (answer.values[Key.PATIENT_NAME], answer.guessed) == ("Núñez", True)


def test_several_steps_of_one_answer_are_several_answers() -> None:
    made: Any = step(NOON)
    other: Any = step(NOON, number=2)
    made.ScheduledProcedureStepSequence = Sequence(
        [made.ScheduledProcedureStepSequence[0], other.ScheduledProcedureStepSequence[0]]
    )
    answers = read_answers(encoded(made), EXPLICIT_VR_LITTLE_ENDIAN)
    assert [one.values[Key.STEP_ID] for one in answers] == ["S1", "S2"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x10\x00\x10\x00PN\xff\xff", b"\0" * (LONGEST + 2), b"\xfe\xff\x00\xe0\0\0\0\0" * 1000],
    ids=["empty", "cut off", "too long", "too many items"],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read_answers(data, EXPLICIT_VR_LITTLE_ENDIAN)


def test_an_answer_without_step_is_refused() -> None:
    made = step(NOON)
    del made.ScheduledProcedureStepSequence
    with pytest.raises(UnreadableAnswer, match="no Scheduled"):
        read_answers(encoded(made), EXPLICIT_VR_LITTLE_ENDIAN)


@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from(SYNTAXES))
def test_random_bytes_are_an_answer_or_refused(junk: bytes, at: int, syntax: str) -> None:
    whole = encoded(step(NOON), syntax)
    for data in (junk, whole[:at] + junk + whole[at:], whole[:at]):
        with suppress(UnreadableAnswer):
            answers = read_answers(data, syntax)
            assert all(isinstance(text, str) for one in answers for text in one.values.values())


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_of_an_answer_that_is_cut_off_no_part_of_a_value_is_taken_for_all_of_it(syntax: str) -> None:
    whole = encoded(step(NOON), syntax)
    (complete,) = read_answers(whole, syntax)
    refused = 0
    for length in range(len(whole)):
        try:
            (answer,) = read_answers(whole[:length], syntax)
        except UnreadableAnswer as why:
            refused += "Zzyx" not in str(why)
        else:
            assert answer.values.items() <= complete.values.items()
    assert refused > len(whole) * 0.8
