"""Text is decoded by every Specific Character Set of PS3.3 C.12.1.1.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.standard.character_set import decode

YAMADA_87 = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
YAMADA_13 = b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"
HONG_149 = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
WANG_58 = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="


@pytest.mark.proves("R76")
@pytest.mark.parametrize(
    ("terms", "raw", "text"),
    [
        ([], b"Doe^Jane", "Doe^Jane"),
        (["ISO_IR 100"], b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (["ISO_IR 101"], b"W\xb3adys\xb3aw", "Władysław"),
        (["ISO_IR 109"], b"\xa1al", "Ħal"),
        (["ISO_IR 110"], b"\xbd", "Ŋ"),
        (["ISO_IR 144"], b"\xbb\xee\xda^\xbb\xee\xda", "Люк^Люк"),
        (["ISO_IR 127"], b"\xe2\xc8\xc7\xe6\xea", "قباني"),
        (["ISO_IR 126"], b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
        (["ISO_IR 138"], b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
        (["ISO_IR 148"], b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu"),
        (["ISO_IR 166"], b"\xb9\xd2\xc2", "นาย"),
        (["ISO_IR 203"], b"\xa4", "€"),
        (["ISO_IR 192"], "Wang^XiaoDong=王^小東=".encode(), "Wang^XiaoDong=王^小東="),
        (["GB18030"], "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
        (["GBK"], "王^小东".encode("gbk"), "王^小东"),
        (["", "ISO 2022 IR 87"], YAMADA_87, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], YAMADA_13, "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (["ISO_IR 13"], b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        (["", "ISO 2022 IR 159"], b"\x1b$(D\x30\x21\x1b(B", "丂"),
        (["", "ISO 2022 IR 149"], HONG_149, "Hong^Gildong=洪^吉洞=홍^길동"),
        (["", "ISO 2022 IR 58"], WANG_58, "Zhang^XiaoDong=张^小东="),
        (["ISO 2022 IR 6", "ISO 2022 IR 100"], b"Buc^J\x1b-A\xe9r\xf4me", "Buc^Jérôme"),
        (["ISO 2022 IR 100", "ISO 2022 IR 126"], b"\xc4^\x1b-F\xc4^\xc4", "Ä^Δ^Ä"),
    ],
)
def test_a_value_is_read_by_its_character_set(terms: list[str], raw: bytes, text: str) -> None:
    assert decode(raw, terms) == text


def test_bytes_of_delimiters_inside_a_character_do_not_cut_it() -> None:
    raw = b"\x1b$B" + "秋".encode("iso2022_jp")[3:5] + b"\x1b(B^X"
    assert raw[3:4] == b"="
    assert decode(raw, ["", "ISO 2022 IR 87"]) == "秋^X"
    assert decode("乗\\誠".encode("gb18030"), ["GB18030"]).split("\\") == ["乗", "誠"]


@pytest.mark.parametrize("terms", [[], ["ISO_IR 999"], ["ISO_IR 6"]])
def test_what_cannot_be_decoded_becomes_the_replacement_character(terms: list[str]) -> None:
    assert decode(b"J\xe9r", terms) == "J�r"


@given(
    st.binary(max_size=200),
    st.lists(st.sampled_from(["", "ISO_IR 13", "ISO_IR 100", "ISO_IR 192", "GBK", "ISO 2022 IR 87"]), max_size=2),
)
def test_no_bytes_make_decoding_fail(raw: bytes, terms: list[str]) -> None:
    assert isinstance(decode(raw, terms), str)
