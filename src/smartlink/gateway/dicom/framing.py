"""A whole message as bytes for a peer: for those that are small enough to be held, which an image is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smartlink.gateway.dicom.command import Command
    from smartlink.gateway.dicom.upper_layer import UpperLayer


def message(layer: UpperLayer, context_id: int, command: Command, data_set: bytes = b"") -> bytes:
    """Return Command Set and Data Set framed for this peer, to be sent in one piece."""
    framed = [layer.send_command(context_id, command)]
    size = layer.largest_fragment
    for at in range(0, len(data_set), size):
        piece = data_set[at : at + size]
        framed += (layer.data_header(context_id, len(piece), last=at + size >= len(data_set)), piece)
    return b"".join(framed)
