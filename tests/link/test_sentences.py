"""A gateway's sentences are known again whatever was filled in, and texts of others are left alone."""

import pytest

from smartlink.link import sentences
from smartlink.link.sentences import Sentence

VALUES = {"place": "ARCHIVE at pacs.example:104", "why": "reset by peer", "seconds": "2.5", "port": 104}


@pytest.mark.parametrize("sentence", Sentence)
def test_every_sentence_is_known_again(sentence: Sentence) -> None:
    places = sentences.pattern(sentence.value).groupindex
    values = {name: str(VALUES.get(name, f"some {name}")) for name in places}
    assert sentences.read(sentence.of(**values)) == (sentence, values)


@pytest.mark.parametrize("text", ["", "Nothing answers.", "The PACS refuses the image", "Se rechaza."])
def test_any_other_text_is_none_of_them(text: str) -> None:
    assert sentences.read(text) is None


def test_a_text_is_at_most_as_long_as_a_report_may_be() -> None:
    assert max(len(sentence.value) for sentence in Sentence) < 200
