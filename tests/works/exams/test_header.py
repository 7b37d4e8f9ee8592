"""The header is read in every uncompressed, deflated and encapsulated syntax, and odd values stop nothing."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.link.connections import Mapping
from smartlink.works.exams import header
from smartlink.works.exams.header import HeaderUnreadable
from tests.works.exams.part10 import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    dataset,
    element,
    part10,
    sequence,
)

SOP = "1.2.3.4.5"
MADRID = "Europe/Madrid"


def read(body: bytes, syntax: str = EXPLICIT) -> header.Header:
    """Read a Data Set wrapped as a Part 10 file."""
    return header.read(BytesIO(part10(body, SOP, syntax=syntax)), MADRID)


@pytest.mark.proves("R68")
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG_BASELINE])
def test_every_syntax_gives_the_same_header(syntax: str) -> None:
    extra = {
        0x00080020: ("DA", b"20260131"),
        0x00080030: ("TM", b"081530.25"),
        0x00080050: ("SH", b"A1"),
        0x00100030: ("DA", b"19700229"),
        0x00180000 + 0x1063: ("DS", b"33.3"),
        0x00200011: ("IS", b" 3 "),
        0x00280008: ("IS", b"60"),
    }
    found = read(dataset(SOP, syntax=syntax, extra=extra), syntax)
    assert (found.sop_instance_uid, found.study_instance_uid, found.series_instance_uid) == (SOP, "1.2.3", "1.2.3.4")
    assert (found.rows, found.columns, found.frames, found.frame_time_ms, found.series_number) == (2, 2, 60, 33.3, 3)
    assert (found.patient_name, found.patient_id, found.accession_number) == ("Marker^Patient", "MARKER-7", "A1")
    assert found.birth_date is None
    assert found.study_at == datetime(2026, 1, 31, 8, 15, 30, tzinfo=ZoneInfo(MADRID))
    assert found.transfer_syntax_uid == syntax


def test_the_data_set_begins_where_file_meta_ends() -> None:
    body = dataset(SOP)
    content = part10(body, SOP)
    assert content[header.read(BytesIO(content), MADRID).dataset_offset :] == body


@pytest.mark.proves("R76")
@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (b"ISO_IR 100", b"Pe\xf1a^Jos\xe9", "Peña^José"),
        (b"ISO_IR 192", "Peña^José".encode(), "Peña^José"),
        (b"\\ISO 2022 IR 87", b"Aki=\x1b$B=)\x1b(B^\x1b$BB@O:\x1b(B", "Aki=秋^太郎"),
        (b"ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        (b"\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong^Gildong=洪^吉洞"),
        (b"GB18030", "王^小东".encode("gb18030"), "王^小东"),
    ],
)
def test_names_are_decoded_by_specific_character_set(charset: bytes, raw: bytes, text: str) -> None:
    found = read(dataset(SOP, extra={0x00080005: ("CS", charset), 0x00081050: ("PN", raw)}))
    assert found.physicians == {Mapping.PERFORMING_PHYSICIAN: text}


@pytest.mark.proves("R77")
def test_telecom_information_is_looked_for_at_the_top_then_in_the_sequences() -> None:
    nested = sequence([element(0x00401104, "LT", b"bob@example.org"), element(0x00401104, "LT", b"+34 91")])
    other = sequence([element(0x00401104, "LT", b"jane@example.org")])
    found = read(dataset(SOP, extra={0x00080096: other, 0x00081052: nested}))
    assert found.physicians == {Mapping.TELECOM: "bob@example.org\\+34 91"}
    found = read(dataset(SOP, extra={0x00080096: other, 0x00401104: ("LT", b"top@example.org")}))
    assert found.physicians == {Mapping.TELECOM: "top@example.org"}


def test_the_data_set_may_name_its_own_time_zone() -> None:
    extra = {0x00080020: ("DA", b"20260131"), 0x00080030: ("TM", b"0815"), 0x00080201: ("SH", b"-0500")}
    found = read(dataset(SOP, extra=extra)).study_at
    assert found is not None
    assert found.astimezone(UTC) == datetime(2026, 1, 31, 13, 15, tzinfo=UTC)
    assert found.utcoffset() == timedelta(hours=-5)


def test_odd_values_are_as_if_absent() -> None:
    extra = {
        0x00080020: ("DA", b"yesterday"),
        0x00100030: ("DA", b"1970.01.31"),
        0x00181063: ("DS", b"NaN"),
        0x00200011: ("IS", b"99999999999999"),
        0x00200013: ("IS", b"one"),
        0x00280008: ("IS", b"-4"),
        0x00280010: ("US", b""),
    }
    found = read(dataset(SOP, extra=extra))
    assert (found.study_at, found.frame_time_ms, found.series_number, found.instance_number) == (None,) * 4
    assert (found.rows, found.frames, found.birth_date) == (None, 1, date(1970, 1, 31))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a DICOM"),
        (b"GET / HTTP/1.1" * 20, "not a DICOM"),
        (part10(b"", SOP), "SOP Class UID"),
        (part10(dataset("1.2.3." + "4" * 60), SOP), "SOP Instance UID"),
        (part10(dataset("../../etc/passwd"), SOP), "SOP Instance UID"),
        (part10(dataset(SOP, study=""), SOP), "Study Instance UID"),
        (part10(b"garbage", SOP, syntax=DEFLATED), "Transfer Syntax"),
        (part10(dataset(SOP), SOP)[:180], "File Meta"),
    ],
)
def test_what_is_unreadable_says_so_without_a_value(content: bytes, words: str) -> None:
    with pytest.raises(HeaderUnreadable, match=words) as caught:
        header.read(BytesIO(content), MADRID)
    assert "passwd" not in str(caught.value)
    assert "Marker" not in str(caught.value)


def test_a_deflated_bomb_is_unfolded_only_so_far() -> None:
    body = dataset(SOP, syntax=DEFLATED, extra={0x00081030: ("LO", b"x"), 0x7FE00010: ("OW", bytes(80_000_000))})
    assert len(body) < 100_000
    assert read(body, DEFLATED).sop_instance_uid == SOP


@given(st.binary(max_size=400), st.sampled_from([EXPLICIT, IMPLICIT, BIG, DEFLATED]))
def test_random_bytes_are_read_or_refused(body: bytes, syntax: str) -> None:
    try:
        read(body, syntax)
    except HeaderUnreadable:
        return
