"""When two person names are the same, and when they are not (R76)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.standard.person_name import PersonName, display_forms, parse_values, without_accents

JANE = display_forms("Jane Doe")


def same(header: str, shown: str) -> bool:
    """Whether a header value names the person that the screen shows so."""
    return not PersonName.parse(header).forms().isdisjoint(display_forms(shown))


@pytest.mark.proves("R76")
@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("Doe^Jane", "Jane Doe"),
        ("DOE^JANE", "Jane Doe"),
        ("doe^jane^^^", "Jane Doe"),
        ("DOE^JANE^^DR", "Jane Doe"),
        ("DOE^JANE^^DR^MD", "Dr. Jane Doe"),
        ("  Doe ^ Jane  ", "Jane Doe"),
        ("Doe^Jane\0", "Jane Doe"),
        ("Jane Doe", "Jane Doe"),
        ("DOE JANE", "Jane Doe"),
        ("Doe, Jane", "Jane Doe"),
        ("DOE,JANE", "Jane   Doe"),
        ("Dr. Jane Doe", "Jane Doe"),
        ("Jane Doe, MD", "Jane Doe"),
        ("Jane Doe MD", "Jane Doe"),
        ("Doe, Dr. Jane", "Jane Doe"),
        ("Doe^Jane^Maria", "Jane Maria Doe"),
        ("de la Cruz^Ana", "Ana de la Cruz"),
        ("van Beethoven^Ludwig", "Ludwig van Beethoven"),
        ("STRASSE^UTE", "Ute Straße"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田 太郎"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Tarou Yamada"),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ", "ヤマダ タロウ"),
        ("=山田^太郎", "山田　太郎"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍 길동"),
        ("Παπαδοπουλος^Νικος", "Νικος ΠΑΠΑΔΟΠΟΥΛΟΣ"),
        ("Doe", "Doe"),
    ],
)
def test_the_same_name_in_other_clothes(header: str, shown: str) -> None:
    assert same(header, shown)


@pytest.mark.proves("R76", "R79")
@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("Doe^Jan", "Jane Doe"),
        ("Doe^Janet", "Jane Doe"),
        ("Dow^Jane", "Jane Doe"),
        ("Doe", "Jane Doe"),
        ("Doe^J", "Jane Doe"),
        ("Doe^Jane^Maria", "Jane Doe"),
        ("Jane^Doe", "Jane Doe"),
        ("", "Jane Doe"),
        ("^^^^", "Jane Doe"),
        ("^^^Dr", "Dr"),
        ("Allen^James", "Allen James"),
        ("ガク^ミツ", "カク ミツ"),
        ("J�r^X", "X Jér"),
    ],
)
def test_a_near_name_is_another_name(header: str, shown: str) -> None:
    assert not same(header, shown)
    assert without_accents(PersonName.parse(header).forms()).isdisjoint(without_accents(display_forms(shown)))


@pytest.mark.proves("R76")
@pytest.mark.parametrize(
    ("header", "shown"), [("PENA^JOSE", "José Peña"), ("Müller^Jörg", "Jorg Muller"), ("ΝΙΚΟΣ", "Νίκος")]
)
def test_accents_count_in_the_first_pass_only(header: str, shown: str) -> None:
    assert not same(header, shown)
    assert without_accents(PersonName.parse(header).forms()) & without_accents(display_forms(shown))


def test_a_voicing_mark_is_not_an_accent() -> None:
    assert without_accents(["ガク"]) != without_accents(["カク"])


def test_values_are_divided_and_empty_ones_left_out() -> None:
    names = parse_values("Doe^Jane\\^^\\\\Roe^Rick ")
    assert [name.groups[0].family for name in names] == ["Doe", "Roe"]


def test_components_keep_their_places() -> None:
    group = PersonName.parse("Adams^John Robert Quincy^^Rev.^B.A. M.Div.^extra=x=y=z").groups
    assert len(group) == 3
    assert (group[0].given, group[0].prefix, group[0].suffix) == ("John Robert Quincy", "Rev.", "B.A. M.Div.")


@given(st.text(max_size=300))
def test_any_text_is_read_and_gives_few_forms(text: str) -> None:
    assert len(PersonName.parse(text).forms()) <= 3 * 9
    assert len(display_forms(text)) <= 9
    assert parse_values(text) is not None
