"""Causes and remedies stand in the reader's language; what nobody knows stands as it came."""

import pytest

from smartlink.gateway.calling import Peer
from smartlink.gateway.dicom.requestor import unconnected
from smartlink.link.sentences import Sentence
from smartlink.standard import status
from smartlink.ui import telling, translations
from smartlink.ui.preferences import Language
from smartlink.works.exams.delivery import REASON_WORDS
from smartlink.works.exams.derivation import _CAUSES

SPANISH = translations.load(Language.SPANISH).gettext
PEER = Peer("10.0.0.9", 104, "ARCHIVE", "SMARTLINK")


def test_a_refusal_is_told_with_the_meaning_of_its_status() -> None:
    text = Sentence.PACS_REFUSES.of(meaning=status.meaning(0xA900), status="A900")
    assert telling.told(text, SPANISH) == telling.Told(
        "El PACS rechaza la imagen: el Data Set no corresponde a la SOP Class (A900).", known=True
    )
    assert telling.told(text, str) == telling.Told(text, known=True)


def test_every_meaning_of_a_status_has_its_translation() -> None:
    assert {status.meaning(first) for first in range(0x10000)} - {"Success"} <= set(telling.STATUS_WORDS)


@pytest.mark.parametrize(
    "text",
    [
        *(sentence.of() for sentence in Sentence if "%" not in sentence.value),
        *_CAUSES.values(),
        *REASON_WORDS.values(),
        *(
            str(unconnected(PEER, problem, 10))
            for problem in (TimeoutError(), ConnectionRefusedError(), OSError(5, "x"))
        ),
    ],
)
def test_what_our_programs_tell_of_a_delivery_is_known(text: str) -> None:
    found = telling.told(text, SPANISH)
    assert found.known
    assert found.text != text
    assert "%(" not in found.text


@pytest.mark.parametrize("text", ["", "100% of it is <b>new</b>", "The PACS sings."])
def test_what_nobody_knows_stands_as_it_came(text: str) -> None:
    assert telling.told(text, SPANISH) == telling.Told(text, known=False)
