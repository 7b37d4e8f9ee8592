"""The manual's 14 log messages, letter for letter, each with the action that the manual gives (R136).

No other module spells them. What happened in detail goes into further fields of the log line, never into the text.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

_INTERNET = "Check the internet connection. If the cloud server does not work, contact support."
_PACS = "Check whether the PACS server is down."
_SCANNER = "Check that the connection details are right and saved on the third-party scanner."
_DUPLICATE = "Check in the cloud for another connection with the same AE title."
_REPAIR = "Repair or reinstall SmartLink."
_HTTP = (
    "Check the internet connection or whether the cloud server is down."
    " For a response code other than 20x contact support."
)


class Message(Enum):
    """One message of the manual's chapter 6: number, text, action."""

    STORE_TO_PACS_FAILED = (1, "Store to PACS Failed", _PACS)
    UPLOADING_IMAGE_FAILED = (2, "Uploading Image Failed", _INTERNET)
    UPLOAD_FAILURE_NOT_NOTIFIED = (3, "Failed to Notify Image Upload Failure", _INTERNET)
    DOWNLOAD_FAILURE_NOT_NOTIFIED = (4, "Failed to Notify Image Download Failure", _INTERNET)
    ERROR_UPLOADING_DICOM_FILE = (5, "Error uploading DICOM file", _INTERNET)
    CLOUD_NOT_REACHABLE = (6, "Exo Cloud Services not reachable", _INTERNET)
    DELETE_CONNECTION_FAILED = (7, "Failed to Delete Connection", _INTERNET)
    ADD_CONNECTION_FAILED = (8, "Failed to add Connection", _INTERNET)
    NO_UPLOAD_URL = (9, "Could not get Pre-Signed Url for DICOM Upload", _INTERNET)
    NO_DOWNLOAD_URL = (10, "Could not get Pre-Signed Url for DICOM Download", _INTERNET)
    NOT_UPLOADED_UNTIL_ADDED = (11, "Exams will not be uploaded until the connection is added", _SCANNER)
    POSSIBLE_DUPLICATE_CONNECTION = (12, "Check for possible duplicate connections with AETitle", _DUPLICATE)
    NOT_STORED_LOCALLY = (13, "Failed to store image in local database", _REPAIR)
    HTTP_RESPONSE = (
        14,
        "Received Http Response: {response.StatusCode} in ExoSmartLinkService.{methodName}",
        _HTTP,
    )

    def __init__(self, number: int, text: str, action: str) -> None:
        self.number: Final = number
        self.text: Final = text
        self.action: Final = action

    @property
    def fields(self) -> dict[str, object]:
        """The fields of a log line that carries this message: `log.error("event", **message.fields)`."""
        return {"message": self.text, "message_number": self.number, "action": self.action}


def http_response(status_code: int, method_name: str) -> dict[str, object]:
    """Return the fields of a log line for message 14, its two places filled."""
    text = Message.HTTP_RESPONSE.text.replace("{response.StatusCode}", str(status_code))
    return {**Message.HTTP_RESPONSE.fields, "message": text.replace("{methodName}", method_name)}
