"""The statuses of DIMSE responses that this product answers or meets (PS3.7 Annex C, PS3.4 section B.2.3)."""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from typing import Final


class Status(IntEnum):
    """One status of a response, as on the wire."""

    SUCCESS = 0x0000
    REFUSED_SOP_CLASS_NOT_SUPPORTED = 0x0122
    REFUSED_NOT_AUTHORIZED = 0x0124
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_SOP_INSTANCE = 0x0111
    NO_SUCH_OBJECT_INSTANCE = 0x0112
    INVALID_ARGUMENT_VALUE = 0x0115
    INVALID_SOP_INSTANCE = 0x0117
    NO_SUCH_SOP_CLASS = 0x0118
    CLASS_INSTANCE_CONFLICT = 0x0119
    NO_SUCH_ACTION = 0x0123
    UNRECOGNIZED_OPERATION = 0x0211
    MISTYPED_ARGUMENT = 0x0212
    RESOURCE_LIMITATION = 0x0213
    PENDING = 0xFF00
    PENDING_WITHOUT_OPTIONAL_KEYS = 0xFF01
    CANCEL = 0xFE00
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS = 0xA900
    COERCION_OF_DATA_ELEMENTS = 0xB000
    ELEMENTS_DISCARDED = 0xB006
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS_WARNING = 0xB007
    CANNOT_UNDERSTAND = 0xC000

    @property
    def shown(self) -> str:
        """The status as people read it: four hexadecimal digits, as in `A700`."""
        return shown(self.value)


class Verdict(Enum):
    """What the status of a C-STORE response says to the one who sent the instance."""

    STORED = auto()
    """The peer has it, perhaps with a warning."""
    STORED_BEFORE = auto()
    """The peer has had it already."""
    DESTINATION = auto()
    """The peer cannot store now, whatever is sent."""
    INSTANCE = auto()
    """The peer does not take this instance."""


VERDICTS: Final = (
    (0x0000, 0x0000, Verdict.STORED, "Success"),
    (0x0107, 0x0107, Verdict.STORED, "Attribute list error"),
    (0x0110, 0x0110, Verdict.DESTINATION, "Processing failure"),
    (0x0111, 0x0111, Verdict.STORED_BEFORE, "Duplicate SOP Instance"),
    (0x0116, 0x0116, Verdict.STORED, "Attribute value out of range"),
    (0x0117, 0x0117, Verdict.INSTANCE, "Invalid SOP Instance"),
    (0x0122, 0x0122, Verdict.INSTANCE, "SOP Class not supported"),
    (0x0124, 0x0124, Verdict.INSTANCE, "Not authorised"),
    (0x0210, 0x0210, Verdict.DESTINATION, "Duplicate invocation"),
    (0x0211, 0x0211, Verdict.DESTINATION, "Unrecognised operation"),
    (0x0213, 0x0213, Verdict.DESTINATION, "Resource limitation"),
    (0xA700, 0xA7FF, Verdict.DESTINATION, "Out of resources"),
    (0xA900, 0xA9FF, Verdict.INSTANCE, "Data Set does not match SOP Class"),
    (0xB000, 0xBFFF, Verdict.STORED, "Warning"),
    (0xC000, 0xCFFF, Verdict.INSTANCE, "Cannot understand"),
)
"""First and last status, verdict, meaning: PS3.4 table B.2-1, and PS3.7 Annex C for what any service may answer.

The two warnings of PS3.7 section C.4 count as stored, as all of Bxxx does. A status that is in neither table says
nothing about the peer as a whole, so it is taken to be about the instance.
"""


FIND_MEANINGS: Final = (
    (0x0000, 0x0000, "Success"),
    (0x0122, 0x0122, "SOP Class not supported"),
    (0x0124, 0x0124, "Not authorised"),
    (0xA700, 0xA7FF, "Out of resources"),
    (0xA900, 0xA9FF, "Identifier does not match SOP Class"),
    (0xC000, 0xCFFF, "Unable to process"),
    (0xFE00, 0xFE00, "Cancelled"),
)
"""First and last status of C-FIND and its meaning: PS3.4 table K.4-1, and PS3.7 section C.5 for refusals."""


def find_meaning(status: int) -> str:
    """Return the standard's words for a status of C-FIND."""
    return next((words for first, last, words in FIND_MEANINGS if first <= status <= last), "Unknown status")


def verdict(status: int) -> Verdict:
    """Return what the status of a C-STORE response means for the instance that was sent."""
    return _of(status)[0]


def meaning(status: int) -> str:
    """Return the standard's words for a status of C-STORE."""
    return _of(status)[1]


def shown(status: int) -> str:
    """Return the status as people read it: four hexadecimal digits, as in `A700`."""
    return f"{status:04X}"


def _of(status: int) -> tuple[Verdict, str]:
    for first, last, found, words in VERDICTS:
        if first <= status <= last:
            return found, words
    return Verdict.INSTANCE, "Unknown status"
