"""Object storage, as the gateway sees it: one PUT or GET of one object, with the ticket's headers and no others."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.downloads import Got
from smartlink.gateway.errors import GiveUp, TryAgain, Unreachable
from smartlink.gateway.messages import Message
from smartlink.gateway.parts import Put
from smartlink.gateway.uplink.address import check
from smartlink.gateway.uplink.http import Answer, exchange, fetch
from smartlink.gateway.uplink.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from smartlink.gateway.digests import Readable
    from smartlink.link.downloads import DownloadTicket
    from smartlink.link.uploads import PartTicket, Ticket

log = structlog.get_logger()

_LARGEST_ANSWER: Final = 256 * 1024
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_FAULTS_OF_THE_FILE: Final = frozenset(
    {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "EntityTooLarge"}
)
_REMEDY: Final = "The stored file differs from what was received. Send the image again from the ultrasound system."
_FORBIDDEN: Final = 403
_MOST_AT_ONCE: Final = 64 * 1024**2
_WELL_BEFORE_EXPIRY: Final = timedelta(minutes=5)
"""Tickets are good for a quarter of an hour, and are looked at when a PUT begins."""


class ObjectClient:
    """Puts files into object storage and gets them from there on tickets of Works, no faster than `pace` allows."""

    def __init__(self, http: httpx.Client, pace: Pace) -> None:
        self._http = http
        self._pace = pace

    @property
    def most_at_once(self) -> int:
        """How many bytes of tickets to ask for at once, so that none expires before it is used."""
        allowed = self._pace.within(_WELL_BEFORE_EXPIRY)
        return _MOST_AT_ONCE if allowed is None else min(allowed, _MOST_AT_ONCE)

    def put(self, ticket: Ticket | PartTicket, file: Readable, size: int) -> Put:
        """Stream `size` bytes of `file` to where the ticket says. Raises TryAgain or GiveUp."""
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
                self._http,
                "PUT",
                ticket.url,
                headers=headers,
                content=_pieces(file, size, self._pace),
                largest=_LARGEST_ANSWER,
            )
        except Unreachable as error:
            log.error("upload_failed", **Message.ERROR_UPLOADING_DICOM_FILE.fields, why=str(error))
            raise
        if answer.is_success and "etag" in answer.headers:
            return Put.STORED
        code = _code(answer)
        if code == "PreconditionFailed":
            return Put.ALREADY_THERE
        log.error("upload_failed", **Message.ERROR_UPLOADING_DICOM_FILE.fields, status=answer.status, code=code)
        if code in _FAULTS_OF_THE_FILE:
            raise GiveUp(f"Object storage refuses the file ({code}).", _REMEDY)
        if (answer.status == _FORBIDDEN and code is not None) or code == "NoSuchUpload":
            return Put.TICKET_EXPIRED
        if code is None:
            raise TryAgain("Something else than object storage answers: a proxy, perhaps.", status=answer.status)
        raise TryAgain("Object storage does not take files now.", status=answer.status)

    def get(self, ticket: DownloadTicket, take: Callable[[memoryview], None]) -> Got:
        """Pass on the bytes of the ticket's object, all of them and no others. Raises TryAgain."""
        try:
            check(ticket.url)
        except ValueError as error:
            raise TryAgain(f"Works gave an address that may not be called: {error}") from error

        came = 0

        def paced(piece: memoryview) -> None:
            nonlocal came
            self._pace.take(len(piece))
            take(piece)
            came += len(piece)

        headers = {name: value for name, value in ticket.headers.items() if name.lower() != "host"}
        answer = fetch(
            self._http,
            ticket.url,
            headers=headers,
            size=ticket.size,
            piece=self._pace.piece,
            take=paced,
            largest=_LARGEST_ANSWER,
        )
        if came == ticket.size:
            return Got.ALL
        code = _code(answer)
        log.error("download_failed", status=answer.status, code=code)
        if answer.status == _FORBIDDEN and code is not None:
            return Got.TICKET_EXPIRED
        if code is None:
            raise TryAgain("Something else than object storage answers: a proxy, perhaps.", status=answer.status)
        raise TryAgain(f"Object storage does not give the file ({code}).", status=answer.status)


def _code(answer: Answer) -> str | None:
    """Return the store's own word for what went wrong; None when it is not the store that answered."""
    found = _CODE.search(answer.body) if answer.media_type in {"application/xml", "text/xml"} else None
    return None if found is None else found.group(1).decode("ascii")


def _pieces(file: Readable, size: int, pace: Pace) -> Iterator[bytes]:
    """Yield `size` bytes of the file, or what there is of them, at the pace."""
    left = size
    while left and (piece := file.read(min(left, pace.piece))):
        pace.take(len(piece))
        left -= len(piece)
        yield piece
