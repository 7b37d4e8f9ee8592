"""Only gateway/messages spells the manual's fourteen messages, and it spells all of them."""

from pathlib import Path

import pytest

from tests.habits.repository import expect_none, files, read

OWNER = Path("src/smartlink/gateway/messages.py")
MESSAGES = (
    "Store to PACS Failed",
    "Uploading Image Failed",
    "Failed to Notify Image Upload Failure",
    "Failed to Notify Image Download Failure",
    "Error uploading DICOM file",
    "Exo Cloud Services not reachable",
    "Failed to Delete Connection",
    "Failed to add Connection",
    "Could not get Pre-Signed Url for DICOM Upload",
    "Could not get Pre-Signed Url for DICOM Download",
    "Exams will not be uploaded until the connection is added",
    "Check for possible duplicate connections with AETitle",
    "Failed to store image in local database",
    "Received Http Response: {response.StatusCode} in ExoSmartLinkService.{methodName}",
)
TELLING = ("Received Http Response", "ExoSmartLinkService", *MESSAGES)
"""What shows that a message is spelt, whole or in part."""


def problems(text: str, path: str) -> list[str]:
    """Each message of the manual that a file other than the owner spells, in any case of letters."""
    return [f"{path} spells {words!r}" for words in TELLING if words.lower() in text.lower()]


def missing(text: str) -> list[str]:
    """Each message that the owner's text does not hold letter for letter."""
    return [message for message in MESSAGES if f'"{message}"' not in text]


@pytest.mark.proves("R136")
def test_the_owner_spells_every_message() -> None:
    assert missing(read(OWNER)) == []


def test_nobody_else_spells_one() -> None:
    others = [path for path in files() if path.is_relative_to("src") and path != OWNER]
    expect_none(problem for path in others for problem in problems(read(path), str(path)))


def test_a_message_spelt_elsewhere_is_seen() -> None:
    assert problems('log.error("failed to Add connection")', "a.py") == ["a.py spells 'Failed to add Connection'"]


def test_a_message_that_is_nearly_right_is_seen() -> None:
    assert missing('"Store to PACS failed"')[0] == "Store to PACS Failed"
