"""What a gateway says of a delivery that failed: sentences that Works knows again, and says in the reader's language.

The English text travels, so that a person can always read it. The name of the member is its stable code: Works finds
it by the text, and shows a text that it does not know as it came.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache
from typing import Final

_PLACE: Final = re.compile(r"%\((\w+)\)s")


def marked(message: str) -> str:
    """The message itself; the name tells the extraction that it must have its translation."""
    return message


class Sentence(Enum):
    """One sentence; what stands in brackets is filled in."""

    PACS_REFUSES = marked("The PACS refuses the image: %(meaning)s (%(status)s).")
    PACS_CANNOT_STORE = marked("The PACS cannot store now: %(meaning)s (%(status)s).")
    PACS_HAD_IT = marked("The PACS had this image already (%(status)s).")
    PACS_WARNED = marked("Stored with a warning of the PACS: %(meaning)s (%(status)s).")
    LOOK_AT_THE_IMAGE = marked("Look at the image in Works and into the log of the PACS server, then press Retry.")
    SYNTAX_NOT_ACCEPTED = marked("The PACS does not accept the image's Transfer Syntax.")
    CLASS_NOT_ACCEPTED = marked(
        "The PACS does not accept this kind of image (SOP Class), or not in a form that can be made here."
    )
    ALLOW_THE_CLASS = marked("Have the kind of image allowed on the PACS server, then press Retry.")
    FILE_DAMAGED = marked("The stored file cannot be read: %(why)s")
    SEND_IT_AGAIN = marked(
        "Send the image again from the ultrasound system. If this happens more than once, have the disk checked."
    )
    TIME_OVER = marked("The PACS did not take the image within the time set for retries.")
    CONNECTION_DELETED = marked("This PACS connection was deleted.")
    DISK_FULL = marked("Free disk space is below the reserve.")
    SEND_THE_EXAM_AGAIN = marked("Send the exam again from Works. If this happens more than once, contact support.")
    NOT_THE_IMAGE = marked("The image in Works is not the one that was ordered. %(why)s")
    NO_ADDRESS = marked("The name %(host)s has no address.")
    NOTHING_LISTENS = marked("The machine %(host)s answers, but nothing listens on port %(port)s.")
    NOTHING_ANSWERS = marked("Nothing answers at %(place)s within %(seconds)s seconds.")
    NO_WAY = marked("There is no way to %(place)s (%(why)s).")
    TOO_LATE = marked("%(place)s did not %(what)s within %(seconds)s seconds.")
    TOO_SLOW = marked("%(place)s takes images too slowly: less than %(rate)s bytes a second.")
    CUT = marked("The connection to %(place)s was cut (%(why)s).")
    ABORTED = marked("%(place)s aborted the association (%(why)s).")
    CLOSED = marked("%(place)s closed the connection.")
    ENDED_EARLY = marked("%(place)s ended the association early.")
    REJECTED = marked("%(place)s rejected the association: %(why)s (%(numbers)s).")
    NO_WORKLIST = marked("%(place)s offers no modality worklist: there will be no list.")
    QUERY_REFUSED = marked("%(place)s refuses the query: %(meaning)s (%(status)s).")
    ENDLESS = marked("%(place)s goes on answering: its list has no end after %(seconds)s seconds.")
    NOT_DICOM = marked("What %(place)s answers is not DICOM: %(why)s.")

    def of(self, **values: object) -> str:
        """The English sentence with these values."""
        return self.value % values


def read(text: str) -> tuple[Sentence, dict[str, str]] | None:
    """The sentence that the text is, and what was filled in; None for a text that this version does not know."""
    for sentence in Sentence:
        if found := pattern(sentence.value).fullmatch(text):
            return sentence, found.groupdict()
    return None


@cache
def pattern(message: str) -> re.Pattern[str]:
    """What every text matches that a message with `%(name)s` in it can become."""
    pieces = _PLACE.split(message)
    return re.compile("".join(f"(?P<{piece}>.+?)" if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces)))
