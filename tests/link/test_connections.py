"""Connections on the wire: the manual's six options stand verbatim and in its order."""

from __future__ import annotations

import uuid

import pytest
from pydantic import ValidationError

from smartlink.link.connections import MAPPING_LABELS, ConnectionPut, Kind, Mapping

SPECIALTY = uuid.UUID(int=5)


@pytest.mark.proves("R74")
def test_there_are_exactly_six_mapping_options_verbatim() -> None:
    assert list(MAPPING_LABELS) == list(Mapping)
    assert list(MAPPING_LABELS.values()) == [
        "Performing Physician's Name (0008,1050)",
        "Referring Physician Name (0008,0090)",
        "Operator Name (0008,1070)",
        "Name of the Physician Reading Study (0008,1060)",
        "Persons Telecom Information (0040,1104)",
        "Map to Unassigned Folder (None)",
    ]


@pytest.mark.parametrize("ae_title", ["", " ", "A" * 17, "A\\B"])
def test_a_bad_ae_title_does_not_pass_the_door(ae_title: str) -> None:
    with pytest.raises(ValidationError):
        ConnectionPut(
            kind=Kind.ULTRASOUND, name="Room 1", ae_title=ae_title, host="127.0.0.1", specialty_ids=(SPECIALTY,)
        )


def test_a_connection_needs_a_specialty() -> None:
    with pytest.raises(ValidationError):
        ConnectionPut(kind=Kind.PACS, name="Archive", ae_title="ARCHIVE", host="127.0.0.1", port=104, specialty_ids=())
