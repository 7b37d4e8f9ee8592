"""What a person confirmed stands in the derived Data Set, with every old value beside it, and nothing else changes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from smartlink.works.exams import identity as ids
from smartlink.works.exams.elements import Element, Elements, Item, find, put_in, without
from smartlink.works.exams.identity import Identity, derived_uid, differences, identified
from smartlink.works.exams.text import charset_element, terms_of, text_of

AT = datetime(2026, 1, 31, 9, 5, 7, 250_000, tzinfo=UTC)
STUDY, SERIES, SOP = "1.2.3", "1.2.3.4", "1.2.3.4.5"
REPORT = "1.2.840.10008.5.1.4.1.1.88.33"

PLAIN: Elements = (
    Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.6.1\0"),
    Element(0x00080018, "UI", SOP.encode() + b"\0"),
    Element(0x00080050, "SH", b"ACC-1 "),
    Element(0x00100010, "PN", b"Doe^Jane"),
    Element(0x00100020, "LO", b"P-1 "),
    Element(0x00100030, "DA", b"19700131"),
    Element(0x00100040, "CS", b"F "),
    Element(0x0020000D, "UI", STUDY.encode() + b"\0"),
    Element(0x0020000E, "UI", SERIES.encode() + b"\0"),
    Element(0x00280010, "US", b"\x02\0"),
)
SAME = Identity(
    confirmed_at=AT,
    patient_name="Doe^Jane^^",
    patient_id="P-1",
    birth_date="1970-01-31",
    sex="F",
    accession_number="ACC-1",
    study_instance_uid=STUDY,
)


def text(elements: Elements, tag: int) -> str:
    """A value of the Data Set."""
    return text_of(find(elements, tag), terms_of(elements))


def derived(wanted: Identity, elements: Elements = PLAIN, siblings: tuple[str, ...] = ()) -> Elements:
    """The Data Set of this identity; it must differ."""
    new = identified(elements, wanted, siblings)
    assert new is not None
    assert [element.tag for element in new] == sorted(element.tag for element in new)
    return new


def before(elements: Elements) -> Elements:
    """What the last item of Original Attributes Sequence remembers."""
    history = find(elements, ids.ORIGINAL_ATTRIBUTES)
    assert history is not None
    modified = find(history.items[-1].elements, ids.MODIFIED_ATTRIBUTES)
    assert modified is not None
    (item,) = modified.items
    return item.elements


@pytest.mark.parametrize(
    "wanted", [SAME, Identity(confirmed_at=AT), replace(SAME, issuer_of_patient_id="", study_instance_uid="")]
)
def test_a_data_set_that_says_so_already_needs_no_other(wanted: Identity) -> None:
    assert differences(PLAIN, wanted) == ()
    assert identified(PLAIN, wanted) is None


def test_the_confirmed_values_stand_in_their_places() -> None:
    new = derived(
        Identity(
            confirmed_at=AT,
            patient_name="Roe^Richard",
            patient_id="P-2",
            issuer_of_patient_id="HOSPITAL",
            birth_date="1980-02-28",
            sex="M",
            accession_number="ACC-2",
        )
    )
    assert text(new, ids.PATIENT_NAME) == "Roe^Richard"
    assert text(new, ids.PATIENT_ID) == "P-2"
    assert text(new, ids.ISSUER_OF_PATIENT_ID) == "HOSPITAL"
    assert text(new, ids.BIRTH_DATE) == "19800228"
    assert text(new, ids.SEX) == "M"
    assert text(new, ids.ACCESSION_NUMBER) == "ACC-2"
    untouched = {0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00280010}
    assert all(find(new, tag) == find(PLAIN, tag) for tag in untouched)


def test_every_old_value_is_remembered_and_what_was_absent_stands_there_empty() -> None:
    new = derived(replace(SAME, patient_id="P-2", issuer_of_patient_id="HOSPITAL"))
    assert before(new) == (Element(0x00100020, "LO", b"P-1 "), Element(0x00100021, "LO", b""))
    history = find(new, ids.ORIGINAL_ATTRIBUTES)
    assert history is not None
    (item,) = history.items
    assert [text_of(find(item.elements, tag), ()) for tag in (0x04000562, 0x04000563, 0x04000564, 0x04000565)] == [
        "20260131090507.250000+0000",
        "SmartLink Works",
        "",
        "CORRECT",
    ]


def test_an_earlier_correction_is_kept_in_front() -> None:
    once = derived(replace(SAME, patient_name="Roe^Richard"))
    twice = derived(replace(SAME, patient_name="Poe^Edgar"), once)
    history = find(twice, ids.ORIGINAL_ATTRIBUTES)
    assert history is not None
    assert len(history.items) == 2
    assert before(once) == (Element(0x00100010, "PN", b"Doe^Jane"),)
    assert before(twice) == (Element(0x00100010, "PN", b"Roe^Richard "),)


def test_the_same_confirmation_makes_the_same_data_set() -> None:
    wanted = replace(SAME, patient_name="Roe^Richard", study_instance_uid="9.9")
    assert derived(wanted) == derived(wanted)


def test_identifiers_of_another_patient_do_not_stay_behind() -> None:
    others = (
        Element(0x00100022, "CS", b"TEXT"),
        Element(0x00101000, "LO", b"OLD-77"),
        Element(0x00101010, "AS", b"055Y"),
        Element(0x00380010, "LO", b"VISIT1"),
        Element(0x00101030, "DS", b"70"),
    )
    given = put_in(PLAIN, *others, Element(0x00100021, "LO", b"OLD "))
    new = derived(replace(SAME, patient_id="P-2"), given)
    assert {element.tag for element in new} & {0x00100021, 0x00100022, 0x00101000, 0x00380010} == set()
    assert find(new, 0x00101010) == others[2]
    assert {element.tag for element in before(new)} == {0x00100020, 0x00100021, 0x00100022, 0x00101000, 0x00380010}
    older = derived(replace(SAME, birth_date="1969-01-31"), given)
    assert find(older, 0x00101010) is None
    assert find(older, 0x00101000) == others[1]


def test_a_value_that_was_taken_away_is_empty() -> None:
    new = derived(replace(SAME, accession_number="", patient_name=""))
    assert (text(new, ids.ACCESSION_NUMBER), text(new, ids.PATIENT_NAME)) == ("", "")
    assert find(new, ids.PATIENT_NAME) is not None  # type 2: present, empty


def test_the_order_stands_in_the_request_of_an_image() -> None:
    old = Element(ids.REQUEST_ATTRIBUTES, "SQ", (Item((Element(0x00401001, "SH", b"OLD "),)),))
    given = put_in(PLAIN, old, Element(0x00321060, "LO", b"Old text"), Element(0x00080051, "SQ", ()))
    wanted = replace(SAME, requested_procedure_id="RP-2", requested_procedure_description="Echo", accession_number="A2")
    new = derived(wanted, given)
    request = find(new, ids.REQUEST_ATTRIBUTES)
    assert request is not None
    (item,) = request.items
    assert [(one.tag, one.raw) for one in item.elements] == [
        (0x00080050, b"A2"),
        (0x0020000D, b"1.2.3\0"),
        (0x00321060, b"Echo"),
        (0x00401001, b"RP-2"),
    ]
    assert find(new, 0x00321060) is None
    assert find(new, 0x00080051) is None
    assert find(before(new), ids.REQUEST_ATTRIBUTES) == old
    assert identified(new, wanted) is None


def test_another_accession_number_alone_takes_the_old_request_away() -> None:
    old = Element(ids.REQUEST_ATTRIBUTES, "SQ", (Item((Element(0x00401001, "SH", b"OLD "),)),))
    new = derived(replace(SAME, accession_number="A2"), put_in(PLAIN, old))
    assert find(new, ids.REQUEST_ATTRIBUTES) is None
    assert find(before(new), ids.REQUEST_ATTRIBUTES) == old


def test_the_order_stands_in_the_referenced_request_of_a_report() -> None:
    given = put_in(PLAIN, Element(0x00080016, "UI", REPORT.encode() + b"\0"))
    new = derived(replace(SAME, requested_procedure_id="RP-2"), given)
    request = find(new, ids.REFERENCED_REQUEST)
    assert request is not None
    tags = {element.tag for element in request.items[0].elements}
    assert tags >= {0x0020000D, 0x00081110, 0x00080050, 0x00402016, 0x00402017, 0x00401001, 0x00321060, 0x00321064}
    assert find(new, ids.REQUEST_ATTRIBUTES) is None


def test_another_study_gives_new_uids_here_and_in_references() -> None:
    other, elsewhere = "1.2.3.4.6", "7.7.7"
    references = Element(
        0x00081140,
        "SQ",
        tuple(Item((Element(0x00081155, "UI", uid.encode()),)) for uid in (other, elsewhere)),
    )
    given = put_in(PLAIN, references)
    new = derived(replace(SAME, study_instance_uid="9.9.1"), given, siblings=(SOP, SERIES, other))
    assert text(new, ids.STUDY_INSTANCE_UID) == "9.9.1"
    assert text(new, ids.SOP_INSTANCE_UID) == derived_uid(SOP, "9.9.1")
    assert text(new, ids.SERIES_INSTANCE_UID) == derived_uid(SERIES, "9.9.1")
    pointed = find(new, 0x00081140)
    assert pointed is not None
    assert [text(item.elements, 0x00081155) for item in pointed.items] == [derived_uid(other, "9.9.1"), elsewhere]
    assert find(new, 0x00080016) == PLAIN[0]
    assert {element.tag for element in before(new)} == {0x00080018, 0x0020000D, 0x0020000E, 0x00081140}
    assert find(before(new), 0x00080018) == PLAIN[1]


def test_derived_uids_are_uids_and_always_the_same() -> None:
    one = derived_uid(SOP, "9.9")
    assert one == derived_uid(SOP, "9.9") == "2.25.301500105271061947466832833108877619099"
    assert len(one) <= 64
    assert len({one, derived_uid(SOP, "9.8"), derived_uid(SERIES, "9.9")}) == 3


def test_a_name_that_the_character_set_cannot_hold_changes_the_set_and_the_history_names_the_old_one() -> None:
    given = put_in(PLAIN, charset_element(("ISO_IR 100",)), Element(0x00080080, "LO", "Peña".encode("latin-1")))
    new = derived(replace(SAME, patient_name="Иванов^Иван"), given)
    assert terms_of(new) == ("ISO_IR 192",)
    assert text(new, ids.PATIENT_NAME) == "Иванов^Иван"
    assert text(new, 0x00080080) == "Peña"
    assert before(new) == (charset_element(("ISO_IR 100",)), Element(0x00100010, "PN", b"Doe^Jane"))


def test_accents_in_a_plain_data_set_make_it_latin_1() -> None:
    new = derived(replace(SAME, patient_name="Peña^José"))
    assert terms_of(new) == ("ISO_IR 100",)
    assert before(new) == (charset_element(("ISO_IR 6",)), Element(0x00100010, "PN", b"Doe^Jane"))


def test_a_missing_uid_is_no_sibling() -> None:
    given = without(PLAIN, [ids.SERIES_INSTANCE_UID])
    assert find(derived(replace(SAME, study_instance_uid="9.9"), given), ids.SERIES_INSTANCE_UID) is None
