"""AE titles and UIDs are parsed once, at the door."""

from __future__ import annotations

import pytest

from smartlink.standard.names import UID, AETitle


@pytest.mark.parametrize(
    ("text", "title"), [("US01", "US01"), ("  US01 ", "US01"), ("A" * 16, "A" * 16), ("x y", "x y")]
)
def test_an_ae_title_loses_its_outer_spaces_and_nothing_else(text: str, title: str) -> None:
    assert AETitle.parse(text) == title


@pytest.mark.parametrize("text", ["", "   ", "A" * 17, "A\\B", "A\nB", "É", "A\x00"])
def test_what_is_no_ae_title_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="AE title"):
        AETitle.parse(text)


@pytest.mark.proves("R87")
def test_two_spellings_of_one_ae_title_fold_to_the_same() -> None:
    assert AETitle.parse("Us01 ").folded == AETitle.parse("US01").folded


@pytest.mark.parametrize(
    ("text", "uid"),
    [("1.2.3", "1.2.3"), ("1.2.3\0", "1.2.3"), ("1.02.3", "1.02.3"), ("2." + "9" * 62, "2." + "9" * 62)],
)
def test_a_uid_loses_its_padding(text: str, uid: str) -> None:
    assert UID.parse(text) == uid


@pytest.mark.parametrize(
    "text", ["", "1", "1..2", "1.2.", ".1.2", "1.2/../3", "../1.2", "1.a", "1." + "2" * 63, "1.2 3", "1.٣"]
)
def test_what_is_no_uid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="UID"):
        UID.parse(text)


def test_a_leading_zero_is_let_in_and_known() -> None:
    assert not UID.parse("1.02").is_strict
    assert UID.parse("1.0.2").is_strict
