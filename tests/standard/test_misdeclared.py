"""Text is read as it was meant where it cannot be what was declared, and then it is said to be guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.standard.character_set import decode
from smartlink.standard.misdeclared import is_known, normalised, read


@pytest.mark.proves("R56")
@pytest.mark.parametrize(
    ("raw", "declared", "instead", "text", "guessed"),
    [
        (b"Doe^Jane", [], None, "Doe^Jane", False),
        (b"M\xfcller^J\xf6rg", ["ISO_IR 100"], None, "Müller^Jörg", False),
        (b"P\xcd\xa9A^JI\xd8\xcd", ["ISO_IR 101"], None, "PÍŠA^JIŘÍ", False),  # bytes that UTF-8 has, too
        (b"\xc4\xb2", ["ISO_IR 13"], None, "ﾄｲ", False),
        ("Müller^Jörg".encode(), ["ISO_IR 100"], None, "Müller^Jörg", True),
        ("Núñez^José".encode(), [], None, "Núñez^José", True),
        ("山田　太郎".encode(), ["ISO_IR 6"], None, "山田　太郎", True),
        ("Иванов".encode(), ["ISO_IR 144"], None, "Иванов", True),
        (b"M\xfcller", ["ISO_IR 192"], None, "Müller", True),
        (b"M\xfcller", [], None, "Müller", True),
        (b"O\x92Brien", ["ISO_IR 100"], None, "O’Brien", True),
        ("Иванов".encode("iso8859-5"), [], "ISO_IR 144", "Иванов", True),
        ("Иванов^Ивўн".encode("cp1251"), ["ISO_IR 100"], "windows-1251", "Иванов^Ивўн", True),
        ("山田^太郎".encode("cp932"), ["ISO_IR 13"], "Shift_JIS", "山田^太郎", True),
        ("王^小东".encode("gb18030"), ["ISO_IR 100"], "GB18030", "王^小东", True),
        ("王^小东".encode("gb18030"), ["gb18030"], None, "王^小东", False),
        (b"J\xe9r\xf4me", ["ISO_IR_100"], None, "Jérôme", False),
        (b"J\xe9r\xf4me", ["iso ir 100 "], None, "Jérôme", False),
        ("Jérôme".encode(), ["utf-8"], None, "Jérôme", False),
        (b"Doppler 30\xb0", ["ISO_IR 100"], None, "Doppler 30°", False),
    ],
)
def test_a_text_is_read_as_it_was_meant(
    raw: bytes, declared: list[str], instead: str | None, text: str, *, guessed: bool
) -> None:
    reading = read([raw], declared, instead)
    assert (reading.texts, reading.guessed) == ((text,), guessed)


def test_all_texts_of_a_data_set_are_read_alike() -> None:
    reading = read([b"A^B", "Núñez".encode(), "Ecografía".encode()], ["ISO_IR 100"])
    assert reading.texts == ("A^B", "Núñez", "Ecografía")
    assert reading.guessed


def test_what_nobody_can_read_is_shown_as_such_and_said() -> None:
    reading = read([b"\xff\xfe\x81"], ["GB18030"])
    assert "�" in reading.texts[0]
    assert reading.guessed


@pytest.mark.parametrize(
    ("spelt", "term"),
    [("ISO_IR 100", "ISO_IR 100"), ("iso-2022-ir-87", "ISO 2022 IR 87"), ("UTF8", "ISO_IR 192"), ("x", "X")],
)
def test_terms_are_known_however_they_are_spelt(spelt: str, term: str) -> None:
    assert normalised(spelt) == term
    assert is_known(spelt) == (term != "X")


@given(st.binary(max_size=40), st.sampled_from(["", "ISO_IR 100", "ISO_IR 192", "GB18030", "ISO 2022 IR 87", "?"]))
def test_no_bytes_are_too_odd(raw: bytes, term: str) -> None:
    assert len(read([raw], [term], "Shift_JIS").texts) == 1


@given(st.text(st.characters(codec="iso8859-2", categories=["L"]), max_size=20))
def test_letters_of_the_declared_set_are_never_taken_for_others(text: str) -> None:
    raw = text.encode("iso8859-2")
    reading = read([raw], ["ISO_IR 101"])
    if decode(raw, ["ISO_IR 101"]) == text and not set(text) & {"ª", "º", "µ"}:
        assert (reading.texts, reading.guessed) == ((text,), False)
