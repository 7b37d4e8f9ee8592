"""An exam goes to exactly one physician's Drafts, or to Unassigned with the reason (R74 to R80)."""

from uuid import UUID, uuid5

import pytest

from smartlink.link.connections import Mapping as PhysicianMapping
from smartlink.works.exams.assignment import TAGS, Decision, Drafts, Physician, Reason, Unassigned, decide, same_phone

_NAMESPACE = UUID("6ba7b814-9dad-11d1-80b4-00c04fd430c8")
CARDIOLOGY, RADIOLOGY = uuid5(_NAMESPACE, "cardiology"), uuid5(_NAMESPACE, "radiology")


def person(
    name: str,
    *,
    given: str = "",
    family: str = "",
    registered: tuple[str, ...] = (),
    specialty: UUID | None = None,
    email: str = "",
    phone: str = "",
    active: bool = True,
) -> Physician:
    """A physician whose id follows from the name."""
    return Physician(
        person_id=uuid5(_NAMESPACE, name),
        display_name=name,
        given_name=given,
        family_name=family,
        email=email,
        phone=phone,
        active=active,
        specialty_ids=frozenset({specialty} if specialty else ()),
        dicom_names=registered,
    )


BOB = person("Bob Miller", given="Bob", family="Miller", email="bob@example.org", phone="+34 91 123 45 67")
JANE = person("Dr. Jane Doe", given="Jane", family="Doe", registered=("JD-77", "DOE^J"), email="jane@example.org")
JOSE = person("José Peña", given="José", family="Peña")
YAMADA = person("山田 太郎", given="太郎", family="山田")
GONE = person("Grace Gone", given="Grace", family="Gone", email="grace@example.org", active=False)
TWINS = (
    person("Kim Lee (heart)", registered=("LEE^KIM",), specialty=CARDIOLOGY),
    person("Kim Lee (bone)", registered=("LEE^KIM",), specialty=RADIOLOGY),
)
EVERYBODY = (BOB, JANE, JOSE, YAMADA, GONE, *TWINS)
PERFORMING = PhysicianMapping.PERFORMING_PHYSICIAN


def by_performing(value: str, specialty: UUID | None = None) -> Decision:
    """Decide by Performing Physician's Name."""
    return decide(PERFORMING, {PERFORMING: value}, EVERYBODY, specialty)


# R76's table: a value as scanners send it, and the one physician it names.
NAMED: tuple[tuple[str, Physician], ...] = (
    ("Miller^Bob", BOB),
    ("MILLER^BOB", BOB),
    ("miller^bob^^^", BOB),
    ("Miller^Bob^^Dr^MD", BOB),
    ("  Miller ^ Bob ", BOB),
    ("Miller, Bob", BOB),
    ("MILLER,BOB", BOB),
    ("Bob Miller", BOB),
    ("MILLER BOB", BOB),
    ("Bob   Miller", BOB),
    ("Dr. Bob Miller", BOB),
    ("Bob Miller, MD", BOB),
    ("Miller^Bob=", BOB),
    ("Miller^Bob\0", BOB),
    ("DOE^JANE^^DR", JANE),
    ("Jane Doe", JANE),
    ("Doe^Jane^^^PhD", JANE),
    ("jd-77", JANE),
    ("DOE^J", JANE),
    ("doe^j^^^", JANE),
    ("Peña^José", JOSE),
    ("Pen\u0303a^Jose\u0301", JOSE),
    ("PENA^JOSE", JOSE),
    ("Ｐｅñａ^Ｊｏｓé", JOSE),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", YAMADA),
    ("=山田^太郎", YAMADA),
    ("山田 太郎", YAMADA),
    ("Nobody^Known\\Miller^Bob", BOB),
    ("\\Miller^Bob\\", BOB),
    ("Miller^Bob\\MILLER^BOB", BOB),
    ("Gone^Grace\\Miller^Bob", BOB),
)
# The same for values that name nobody, nobody active, or several: never a near match (R79).
NOT_NAMED: tuple[tuple[str, Reason], ...] = (
    ("Miler^Bob", Reason.NO_MATCH),
    ("Miller^Rob", Reason.NO_MATCH),
    ("Miller", Reason.NO_MATCH),
    ("Bob", Reason.NO_MATCH),
    ("Miller^B", Reason.NO_MATCH),
    ("Bob^Miller", Reason.NO_MATCH),
    ("Miller^Bob^James", Reason.NO_MATCH),
    ("Miller-Smith^Bob", Reason.NO_MATCH),
    ("JD-7", Reason.NO_MATCH),
    ("山田", Reason.NO_MATCH),
    ("Pe\ufffda^Jos\ufffd", Reason.NO_MATCH),
    ("", Reason.TAG_MISSING),
    ("   ", Reason.TAG_MISSING),
    ("^^^^", Reason.TAG_MISSING),
    ("=", Reason.TAG_MISSING),
    ("\\\\", Reason.TAG_MISSING),
    ("^^^Dr^MD", Reason.TAG_MISSING),
    ("Gone^Grace", Reason.USER_INACTIVE),
    ("Lee^Kim", Reason.AMBIGUOUS),
    ("Miller^Bob\\Doe^Jane", Reason.AMBIGUOUS),
)
BY_NAME = [mapping for mapping in PhysicianMapping if TAGS[mapping] not in {"", "0040,1104"}]


def test_the_table_of_names_has_forty_rows() -> None:
    assert len(NAMED) + len(NOT_NAMED) >= 40
    assert len({value for value, _ in (*NAMED, *NOT_NAMED)}) == len(NAMED) + len(NOT_NAMED)


@pytest.mark.proves("R74", "R75", "R76")
@pytest.mark.parametrize("mapping", BY_NAME)
@pytest.mark.parametrize(("value", "expected"), NAMED)
def test_a_value_that_names_one_active_physician_goes_to_their_drafts(
    value: str, expected: Physician, mapping: PhysicianMapping
) -> None:
    decision = decide(mapping, {mapping: value}, EVERYBODY, None)
    assert decision == Drafts(expected.person_id, TAGS[mapping], value.strip(" \0"))


@pytest.mark.proves("R74", "R76", "R79")
@pytest.mark.parametrize("mapping", BY_NAME)
@pytest.mark.parametrize(("value", "reason"), NOT_NAMED)
def test_anything_else_is_unassigned_with_the_reason(value: str, reason: Reason, mapping: PhysicianMapping) -> None:
    assert decide(mapping, {mapping: value}, EVERYBODY, None) == Unassigned(reason, TAGS[mapping], value.strip())


@pytest.mark.proves("R76")
def test_several_are_told_apart_by_the_specialty_of_the_connection() -> None:
    assert by_performing("Lee^Kim", RADIOLOGY) == Drafts(TWINS[1].person_id, "0008,1050", "Lee^Kim")
    assert by_performing("Miller^Bob\\Doe^Jane", RADIOLOGY) == Unassigned(
        Reason.AMBIGUOUS, "0008,1050", "Miller^Bob\\Doe^Jane"
    )


def test_an_exact_name_wins_over_one_without_accents() -> None:
    plain, accented = person("Jose Pena", given="Jose", family="Pena"), JOSE
    decision = decide(PERFORMING, {PERFORMING: "PENA^JOSE"}, (plain, accented), None)
    assert decision == Drafts(plain.person_id, "0008,1050", "PENA^JOSE")


@pytest.mark.proves("R74")
def test_there_are_exactly_six_options() -> None:
    assert sorted(TAGS.values()) == ["", "0008,0090", "0008,1050", "0008,1060", "0008,1070", "0040,1104"]
    assert set(TAGS) == set(PhysicianMapping)


@pytest.mark.proves("R74", "R76", "A4")
@pytest.mark.parametrize("mapping", BY_NAME)
def test_each_name_option_reads_its_own_tag(mapping: PhysicianMapping) -> None:
    values = dict.fromkeys(PhysicianMapping, "Doe^Jane") | {mapping: "Miller^Bob"}
    assert decide(mapping, values, EVERYBODY, None) == Drafts(BOB.person_id, TAGS[mapping], "Miller^Bob")


@pytest.mark.proves("R78")
def test_the_sixth_option_is_always_unassigned() -> None:
    values = dict.fromkeys(PhysicianMapping, "Miller^Bob")
    assert decide(PhysicianMapping.UNASSIGNED, values, EVERYBODY, None) == Unassigned(Reason.MAPPING_NONE, "", "")


@pytest.mark.proves("R77", "R79")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bob@example.org", BOB),
        ("Bob Miller <BOB@Example.ORG>", BOB),
        ("Tel. 91 123 45 67, BOB@EXAMPLE.ORG", BOB),
        ("mailto:jane@example.org.", JANE),
        ("nobody@example.org\\bob@example.org", BOB),
        ("+34911234567", BOB),
        ("+34 (0)91 123 45 67", BOB),
        ("0034 91 123 45 67", BOB),
        ("911234567", BOB),
        ("91-123-45-67 ext", BOB),
        ("91.123.45.67", BOB),
        ("(091) 123-4567", BOB),
        ("tel:+34-91-123-45-67\r\nfax:+34-91-123-45-68", BOB),
        ("nobody@example.org", Reason.NO_MATCH),
        ("bobby@example.org", Reason.NO_MATCH),
        ("bob@example.org.uk", Reason.NO_MATCH),
        ("91 123 45 68", Reason.NO_MATCH),
        ("+33 91 123 45 67", Reason.NO_MATCH),
        ("4567", Reason.NO_MATCH),
        ("Bob Miller", Reason.NO_MATCH),
        ("bob@example.org, jane@example.org", Reason.AMBIGUOUS),
        ("91 123 45 67 or jane@example.org", Reason.AMBIGUOUS),
        ("grace@example.org", Reason.USER_INACTIVE),
        ("", Reason.TAG_MISSING),
    ],
)
def test_telecom_information_is_compared_by_address_and_number(text: str, expected: Physician | Reason) -> None:
    telecom = PhysicianMapping.TELECOM
    decision = decide(telecom, {telecom: text}, EVERYBODY, None)
    if isinstance(expected, Reason):
        assert decision == Unassigned(expected, "0040,1104", text)
    else:
        assert decision == Drafts(expected.person_id, "0040,1104", text)


@pytest.mark.parametrize(("one", "other"), [("", ""), ("+1 555 123 4567", "+34 555 123 4567"), ("1", "+341")])
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert not same_phone(one, other)
