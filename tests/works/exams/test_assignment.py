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
GONE = person("Grace Gone", given="Grace", family="Gone", active=False)
TWINS = (
    person("Kim Lee (heart)", registered=("LEE^KIM",), specialty=CARDIOLOGY),
    person("Kim Lee (bone)", registered=("LEE^KIM",), specialty=RADIOLOGY),
)
EVERYBODY = (BOB, JANE, JOSE, YAMADA, GONE, *TWINS)
PERFORMING = PhysicianMapping.PERFORMING_PHYSICIAN


def by_performing(value: str, specialty: UUID | None = None) -> Decision:
    """Decide by Performing Physician's Name."""
    return decide(PERFORMING, {PERFORMING: value}, EVERYBODY, specialty)


@pytest.mark.proves("R75", "R76")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Miller^Bob", BOB),
        ("MILLER^BOB", BOB),
        ("miller^bob^^^", BOB),
        ("Miller^Bob^^Dr^MD", BOB),
        ("  Miller ^ Bob ", BOB),
        ("Miller, Bob", BOB),
        ("Bob Miller", BOB),
        ("MILLER BOB", BOB),
        ("Dr. Bob Miller", BOB),
        ("Bob Miller, MD", BOB),
        ("DOE^JANE^^DR", JANE),
        ("Jane Doe", JANE),
        ("jd-77", JANE),
        ("DOE^J", JANE),
        ("doe^j^^^", JANE),
        ("Peña^José", JOSE),
        ("PENA^JOSE", JOSE),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", YAMADA),
        ("=山田^太郎", YAMADA),
        ("Nobody^Known\\Miller^Bob", BOB),
        ("\\Miller^Bob\\", BOB),
        ("Miller^Bob\\MILLER^BOB", BOB),
        ("Gone^Grace\\Miller^Bob", BOB),
    ],
)
def test_a_value_that_names_one_active_physician_goes_to_their_drafts(value: str, expected: Physician) -> None:
    assert by_performing(value) == Drafts(expected.person_id, "0008,1050", value.strip())


@pytest.mark.proves("R76", "R79")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Miler^Bob", Reason.NO_MATCH),
        ("Miller^Rob", Reason.NO_MATCH),
        ("Miller", Reason.NO_MATCH),
        ("Miller^B", Reason.NO_MATCH),
        ("Bob^Miller", Reason.NO_MATCH),
        ("Miller^Bob^James", Reason.NO_MATCH),
        ("JD-7", Reason.NO_MATCH),
        ("", Reason.TAG_MISSING),
        ("   ", Reason.TAG_MISSING),
        ("^^^^", Reason.TAG_MISSING),
        ("=", Reason.TAG_MISSING),
        ("\\\\", Reason.TAG_MISSING),
        ("^^^Dr^MD", Reason.TAG_MISSING),
        ("Gone^Grace", Reason.USER_INACTIVE),
        ("Lee^Kim", Reason.AMBIGUOUS),
        ("Miller^Bob\\Doe^Jane", Reason.AMBIGUOUS),
    ],
)
def test_anything_else_is_unassigned_with_the_reason(value: str, reason: Reason) -> None:
    assert by_performing(value) == Unassigned(reason, "0008,1050", value.strip())


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


@pytest.mark.proves("R74", "R76")
@pytest.mark.parametrize("mapping", [m for m in PhysicianMapping if TAGS[m] not in {"", "0040,1104"}])
def test_each_name_option_reads_its_own_tag(mapping: PhysicianMapping) -> None:
    values = dict.fromkeys(PhysicianMapping, "Doe^Jane") | {mapping: "Miller^Bob"}
    assert decide(mapping, values, EVERYBODY, None) == Drafts(BOB.person_id, TAGS[mapping], "Miller^Bob")


@pytest.mark.proves("R78")
def test_the_sixth_option_is_always_unassigned() -> None:
    values = dict.fromkeys(PhysicianMapping, "Miller^Bob")
    assert decide(PhysicianMapping.UNASSIGNED, values, EVERYBODY, None) == Unassigned(Reason.MAPPING_NONE, "", "")


@pytest.mark.proves("R77")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bob@example.org", BOB),
        ("Tel. 91 123 45 67, BOB@EXAMPLE.ORG", BOB),
        ("mailto:jane@example.org.", JANE),
        ("+34911234567", BOB),
        ("0034 91 123 45 67", BOB),
        ("911234567", BOB),
        ("(091) 123-4567", BOB),
        ("nobody@example.org", None),
        ("91 123 45 68", None),
        ("4567", None),
    ],
)
def test_telecom_information_is_compared_by_address_and_number(text: str, expected: Physician | None) -> None:
    telecom = PhysicianMapping.TELECOM
    decision = decide(telecom, {telecom: text}, EVERYBODY, None)
    if expected is None:
        assert decision == Unassigned(Reason.NO_MATCH, "0040,1104", text)
    else:
        assert decision == Drafts(expected.person_id, "0040,1104", text)


@pytest.mark.parametrize(("one", "other"), [("", ""), ("+1 555 123 4567", "+34 555 123 4567"), ("1", "+341")])
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert not same_phone(one, other)
