"""Storage SCU (PS3.4 Annex B) on our own Upper Layer: streams Data Sets out of files, nothing whole in memory.

Each instance goes out as it is stored. For each SOP Class the uncompressed Transfer Syntaxes are proposed too, each
in a Presentation Context of its own: they carry nothing, and tell what the peer would take instead.
"""

from __future__ import annotations

import os
import time
from typing import IO, TYPE_CHECKING, Final

from pydicom.filereader import read_file_meta_info

from smartlink.gateway.calling import (
    Answered,
    AssociationFailed,
    ContextRefused,
    Layer,
    Outcome,
    Outgoing,
    Peer,
    SendLimits,
    Unreadable,
)
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.requestor import MOST_CONTEXTS, Call, Proposal, Stopped, never
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = [
    "FALLBACK",
    "Answered",
    "AssociationFailed",
    "ContextRefused",
    "Layer",
    "Outcome",
    "Outgoing",
    "Peer",
    "SendLimits",
    "Unreadable",
    "outgoing",
    "store",
]

FALLBACK: Final = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
"""What every peer should take in one form or the other (PS3.5 section 10.1), the better first."""

_BUFFER_SIZE: Final = 1024 * 1024
_FRAME: Final = pdu.HEADER.size + pdu.PDV_HEADER.size
_PREFIX_SIZE: Final = 132
_MOST_MESSAGE_ID: Final = 0xFFFF


def store(
    peer: Peer,
    items: Sequence[Outgoing],
    limits: SendLimits,
    tell: Callable[[Outcome], None],
    stop: Callable[[], bool] = never,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Store the items in the peer in one Association, in their order; `tell` each outcome as soon as it is known.

    Raises AssociationFailed when the Association never came or ended early. Items that were not told are
    unanswered: the peer may or may not have them. Returns early, in order, when `stop` says so.
    A second Association is opened only when 128 Presentation Contexts are not enough, or after a file that
    became unreadable in the middle.
    """
    try:
        for batch in _batches(items):
            left = batch
            while left and not stop():
                left = _associate_and_store(peer, left, limits, tell, stop, clock)
    except Stopped:
        return


def outgoing(key: int, path: Path) -> Outgoing:
    """Return a whole Part 10 file as an item to be sent. Raises OSError, or ValueError when it is none."""
    meta = read_file_meta_info(path)
    # The group length counts what follows it (PS3.10 section 7.1); its own element takes twelve bytes.
    offset = _PREFIX_SIZE + 12 + int(meta.FileMetaInformationGroupLength)
    return Outgoing(
        key=key,
        path=path,
        dataset_offset=offset,
        dataset_length=path.stat().st_size - offset,
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
    )


class _BecameUnreadable(Exception):
    """A file failed after its message had begun: only an abort takes that back."""


def _batches(items: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Yield the items in their order, as many at a time as their contexts fit into one Association."""
    batch: list[Outgoing] = []
    contexts: set[Proposal] = set()
    for item in items:
        wanted = _proposals_for(item)
        if batch and len(contexts.union(wanted)) > MOST_CONTEXTS:
            yield batch
            batch, contexts = [], set()
        contexts.update(wanted)
        batch.append(item)
    if batch:
        yield batch


def _proposals_for(item: Outgoing) -> list[Proposal]:
    """Return the contexts for one item: as it is stored first, then the fallbacks of its SOP Class."""
    return [Proposal(item.sop_class_uid, syntax) for syntax in (item.transfer_syntax_uid, *FALLBACK)]


def _associate_and_store(
    peer: Peer,
    items: list[Outgoing],
    limits: SendLimits,
    tell: Callable[[Outcome], None],
    stop: Callable[[], bool],
    clock: Callable[[], float],
) -> list[Outgoing]:
    """Store the items in one Association; return those that need another one."""
    with Call(peer, limits, stop, clock) as call:
        wanted = dict.fromkeys(proposal for item in items for proposal in _proposals_for(item))
        sender = _Sender(call, limits, call.associate(list(wanted)), clock)
        for number, item in enumerate(items):
            if stop():
                break
            try:
                tell(sender.store(item, number % _MOST_MESSAGE_ID + 1))
            except _BecameUnreadable as problem:
                tell(Unreadable(item.key, str(problem)))
                return items[number + 1 :]
        call.release()
    return []


class _Sender:
    """Sends instances in one Association."""

    def __init__(
        self, call: Call, limits: SendLimits, accepted: dict[Proposal, int], clock: Callable[[], float]
    ) -> None:
        self._call = call
        self._limits = limits
        self._accepted = accepted
        self._clock = clock
        self._buffer = memoryview(bytearray(_BUFFER_SIZE))

    def store(self, item: Outgoing, message_id: int) -> Outcome:
        """Send one instance and return what became of it."""
        context_id = self._accepted.get(Proposal(item.sop_class_uid, item.transfer_syntax_uid))
        if context_id is None:
            accepted = [syntax for syntax in FALLBACK if Proposal(item.sop_class_uid, syntax) in self._accepted]
            return ContextRefused(item.key, tuple(accepted))
        request = Command(
            field=CommandField.C_STORE_RQ,
            message_id=message_id,
            affected_sop_class_uid=item.sop_class_uid,
            affected_sop_instance_uid=item.sop_instance_uid,
            data_set_type=WITH_DATA_SET,
        )
        try:
            data = item.path.open("rb", buffering=0)
        except OSError as problem:
            return Unreadable(item.key, f"The stored file cannot be opened ({type(problem).__name__}).")
        with data:
            if why := _unfit(data, item):
                return Unreadable(item.key, why)
            self._send(request, context_id, data, item.dataset_length)
        return Answered(item.key, self._call.response(request).status)

    def _send(self, request: Command, context_id: int, data: IO[bytes], left: int) -> None:
        """Send command and Data Set: PDUs laid out side by side in one buffer, one send for each fill of it."""
        layer, buffer = self._call.upper_layer, self._buffer
        slowest = max(self._limits.slowest_bytes_per_second, 1)
        by = self._clock() + self._limits.idle_seconds + left / slowest
        # The fragments of a message have an even length (PS3.8 section E.1).
        largest = max(min(layer.largest_fragment, len(buffer) - _FRAME) & ~1, 1)
        command = layer.send_command(context_id, request)
        at = len(command)
        buffer[:at] = command
        while left:
            size = min(left, largest)
            if at + _FRAME + size > len(buffer):
                self._call.send(buffer[:at], by)
                self._call.check_stop()
                at = 0
            left -= size
            buffer[at : at + _FRAME] = layer.data_header(context_id, size, last=not left)
            at += _FRAME
            _read_exactly(data, buffer[at : at + size])
            at += size
        self._call.send(buffer[:at], by)


def _unfit(data: IO[bytes], item: Outgoing) -> str:
    """Return why a file cannot be sent, or nothing; leave it where its Data Set begins."""
    try:
        size = data.seek(0, os.SEEK_END)
        data.seek(item.dataset_offset)
    except OSError as problem:
        return f"The stored file cannot be read ({type(problem).__name__})."
    if item.dataset_length <= 0 or item.dataset_offset + item.dataset_length > size:
        return "The stored file is shorter than it should be."
    return ""


def _read_exactly(data: IO[bytes], buffer: memoryview) -> None:
    while buffer:
        try:
            count = data.readinto(buffer)  # type: ignore[attr-defined] # a file opened unbuffered has it
        except OSError as problem:
            raise _BecameUnreadable(f"The stored file cannot be read ({type(problem).__name__}).") from problem
        if not count:
            raise _BecameUnreadable("The stored file became shorter while it was sent.")
        buffer = buffer[count:]
