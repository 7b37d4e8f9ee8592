"""Object storage, as the gateway sees it: one PUT of one file, with the headers of the ticket and no others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.errors import GiveUp, TryAgain, Unreachable
from smartlink.gateway.messages import Message
from smartlink.gateway.uplink.address import check
from smartlink.gateway.uplink.http import exchange
from smartlink.gateway.uploads import Put, Readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from smartlink.link.uploads import Ticket

log = structlog.get_logger()

_PIECE: Final = 1024**2
_LARGEST_ANSWER: Final = 256 * 1024
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_FAULTS_OF_THE_FILE: Final = frozenset(
    {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "EntityTooLarge"}
)
_REMEDY: Final = "The stored file differs from what was received. Send the image again from the ultrasound system."
_CONFLICT: Final = 412
_FORBIDDEN: Final = 403


class ObjectClient:
    """Puts files into object storage on tickets of Works."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def put(self, ticket: Ticket, file: Readable, size: int) -> Put:
        """Stream `file` of `size` bytes to where the ticket says. Raises TryAgain or GiveUp."""
        try:
            check(ticket.url)
        except ValueError as error:
            raise TryAgain(f"Works gave an address that may not be called: {error}") from error
        given = {
            name: value for name, value in ticket.headers.items() if name.lower() not in {"host", "content-length"}
        }
        headers = {**given, "Content-Length": str(size)}
        try:
            answer = exchange(
                self._http, "PUT", ticket.url, headers=headers, content=_pieces(file), largest=_LARGEST_ANSWER
            )
        except Unreachable as error:
            log.error("upload_failed", **Message.ERROR_UPLOADING_DICOM_FILE.fields, why=str(error))
            raise
        if answer.is_success:
            return Put.STORED
        if answer.status == _CONFLICT:
            return Put.ALREADY_THERE
        found = _CODE.search(answer.body) if answer.media_type in {"application/xml", "text/xml"} else None
        code = None if found is None else found.group(1).decode("ascii")
        log.error("upload_failed", **Message.ERROR_UPLOADING_DICOM_FILE.fields, status=answer.status, code=code)
        if code in _FAULTS_OF_THE_FILE:
            raise GiveUp(f"Object storage refuses the file ({code}).", _REMEDY)
        if answer.status == _FORBIDDEN:
            return Put.TICKET_EXPIRED
        raise TryAgain("Object storage does not take files now.", status=answer.status)


def _pieces(file: Readable) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
