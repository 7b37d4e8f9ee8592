"""What programs told in English, in the reader's language: causes and remedies of failures.

A text that nobody knows, of another version or with something unexpected in it, is shown as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smartlink.link import sentences
from smartlink.ui.translations import marked


@dataclass(frozen=True, slots=True)
class Told:
    """A text for the page; `known` is whether it is in the reader's language."""

    text: str
    known: bool


def told(text: str, translate: Callable[[str], str]) -> Told:
    """The text in the language of `translate`: by its sentence where something was filled in, else word by word."""
    if found := sentences.read(text):
        sentence, values = found
        # Words of the standard have their translation, names and numbers have none.
        filled = {name: translate(part) for name, part in values.items()}
        return Told(translate(sentence.value) % filled, known=True)
    whole = translate(text) if text else text
    return Told(whole, known=whole != text)


STATUS_WORDS = (
    marked("Attribute list error"),
    marked("Processing failure"),
    marked("Duplicate SOP Instance"),
    marked("Attribute value out of range"),
    marked("Invalid SOP Instance"),
    marked("SOP Class not supported"),
    marked("Not authorised"),
    marked("Duplicate invocation"),
    marked("Unrecognised operation"),
    marked("Resource limitation"),
    marked("Out of resources"),
    marked("Data Set does not match SOP Class"),
    marked("Warning"),
    marked("Cannot understand"),
    marked("Unknown status"),
    marked("Identifier does not match SOP Class"),
    marked("Unable to process"),
    marked("answer a query"),
    marked("It no longer has the bytes that were kept."),
    marked("take what is sent"),
)
"""What is filled into such a sentence and has a translation: the meanings of `standard.status`, and some of ours."""
