"""Text is written in the Data Set's own character sets where they can hold it, and read back to be sure."""

import pytest

from smartlink.works.exams.elements import Element, Item
from smartlink.works.exams.text import (
    LATIN_1,
    UTF_8,
    charset_element,
    encode,
    in_terms,
    padded,
    terms_for,
    terms_of,
    text_of,
)

NAME = 0x00100010
JAPANESE = ("", "ISO 2022 IR 87")


@pytest.mark.parametrize(
    ("text", "vr", "terms", "raw"),
    [
        ("Doe^Jane", "PN", (), b"Doe^Jane"),
        ("Peña^José", "PN", ("ISO_IR 100",), b"Pe\xf1a^Jos\xe9"),
        ("Peña", "LO", ("ISO_IR 192",), "Peña".encode()),
        ("Yamada^Tarou=山田^太郎", "PN", JAPANESE, b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"),
        ("Peña", "LO", (), None),
        ("山田", "LO", ("ISO_IR 100",), None),
        ("Ελένη", "LO", ("ISO_IR 100",), None),
        ("Peña", "LO", ("no such set",), None),
        ("王^小东", "PN", ("GB18030",), "王^小东".encode("gb18030")),
    ],
)
def test_a_text_is_encoded_or_does_not_fit(text: str, vr: str, terms: tuple[str, ...], raw: bytes | None) -> None:
    assert encode(text, vr, terms) == raw


@pytest.mark.parametrize(
    ("texts", "terms", "chosen"),
    [
        (["Doe^Jane"], (), ()),
        (["Doe^Jane"], ("ISO_IR 144",), ("ISO_IR 144",)),
        (["Peña^José"], (), LATIN_1),
        (["Peña^José"], ("ISO_IR 6",), LATIN_1),
        (["Peña^José", "Ελένη"], (), UTF_8),
        (["Peña^José"], ("ISO_IR 144",), UTF_8),
        (["山田^太郎"], JAPANESE, JAPANESE),
    ],
)
def test_the_set_that_stands_there_is_kept_if_it_can_be(
    texts: list[str], terms: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    assert terms_for([("PN", text) for text in texts], terms) == chosen


def test_a_data_set_in_another_set_says_the_same_at_every_depth() -> None:
    cyrillic = charset_element(("ISO_IR 144",))
    own = Item((charset_element(("ISO_IR 100",)), Element(NAME, "PN", b"Pe\xf1a")))
    name, uid = Element(NAME, "PN", "Иванов".encode("iso8859-5")), Element(0x0020000D, "UI", b"1.2\0")
    unknown = Element(0x00091010, "UN", b"\xb8\xb8")
    before = (cyrillic, Element(0x00081140, "SQ", (Item((name,)), own)), unknown, name, uid)
    after = in_terms(before, ("ISO_IR 144",), UTF_8)
    moved = Element(NAME, "PN", "Иванов".encode())
    assert after == (
        charset_element(UTF_8),
        Element(0x00081140, "SQ", (Item((moved,)), own)),
        unknown,
        moved,
        uid,
    )
    assert terms_of(after) == UTF_8
    assert text_of(moved, UTF_8) == "Иванов"


def test_nothing_happens_without_need() -> None:
    before = (Element(NAME, "PN", b"Doe "),)
    assert in_terms(before, (), ()) is before
    assert in_terms(before, (), LATIN_1) == (charset_element(LATIN_1), *before)


def test_the_default_repertoire_has_a_name_and_values_an_even_length() -> None:
    assert charset_element(()).raw == b"ISO_IR 6"
    assert charset_element(JAPANESE).raw == b"\\ISO 2022 IR 87 "
    assert (padded(b"abc"), padded(b"ab"), padded(b"1.2", b"\0")) == (b"abc ", b"ab", b"1.2\0")
    assert text_of(None, ()) == ""
