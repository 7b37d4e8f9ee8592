"""The manual's 14 messages, letter for letter."""

from __future__ import annotations

import pytest

from smartlink.gateway.messages import Message, http_response

VERBATIM = [
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
]


@pytest.mark.proves("R136")
def test_the_messages_are_the_manuals_in_its_order_and_spelling() -> None:
    assert [(message.number, message.text) for message in Message] == list(enumerate(VERBATIM, start=1))


@pytest.mark.proves("R136")
def test_message_14_has_its_two_places_filled() -> None:
    assert http_response(502, "uploads/offer")["message"] == (
        "Received Http Response: 502 in ExoSmartLinkService.uploads/offer"
    )


def test_every_message_comes_with_the_manuals_action() -> None:
    assert all(message.fields["action"] for message in Message)
    assert Message.NOT_STORED_LOCALLY.fields["message_number"] == 13
