"""The statuses of DIMSE responses that this product answers or meets (PS3.7 Annex C, PS3.4 section B.2.3)."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """One status of a response, as on the wire."""

    SUCCESS = 0x0000
    REFUSED_SOP_CLASS_NOT_SUPPORTED = 0x0122
    REFUSED_NOT_AUTHORIZED = 0x0124
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_SOP_INSTANCE = 0x0111
    INVALID_SOP_INSTANCE = 0x0117
    UNRECOGNIZED_OPERATION = 0x0211
    MISTYPED_ARGUMENT = 0x0212
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS = 0xA900
    COERCION_OF_DATA_ELEMENTS = 0xB000
    ELEMENTS_DISCARDED = 0xB006
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS_WARNING = 0xB007
    CANNOT_UNDERSTAND = 0xC000

    @property
    def shown(self) -> str:
        """The status as people read it: four hexadecimal digits, as in `A700`."""
        return f"{self.value:04X}"
