"""Makes an image's pictures once, after ingest: a thumbnail, and every frame as WebP of at most 1,024 pixels.

Runs in the worker; the decoding itself happens in a process of its own (`images.draw`). Safe to repeat: names are the
image's own, and an image whose pictures stand is left alone.
"""

import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from smartlink.works.access import Access
from smartlink.works.blobs.store import BlobMissing, Blobs, chunks, frame_key, thumbnail_key
from smartlink.works.errors import TryAgain
from smartlink.works.images.draw import READY
from smartlink.works.images.frames import Why
from smartlink.works.images.unpack import NOWHERE, Unpacked
from smartlink.works.store import listen, previews

MEDIA_TYPE: Final = "image/webp"
PATIENCE_SECONDS: Final = 1_200.0
DRAW: Final = (sys.executable, "-m", "smartlink.works.images.draw")
UNPACK: Final = (sys.executable, "-m", "smartlink.works.images.unpack")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What became of drawing: `ready` with the number of frames, or the reason with None."""

    state: str
    frames: int | None


class Drawings:
    """Processes that draw, so that they can all be told to end; one for the worker's process."""

    def __init__(self) -> None:
        """Nobody draws yet."""
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False

    def draw(self, source: Path, folder: Path, patience_seconds: float = PATIENCE_SECONDS) -> Drawn:
        """Draw in a process of its own; one that dies or does not come to an end means that the image is damaged.

        Raises TryAgain when `close` was called: the pictures can be made later.
        """
        words = self._words([*DRAW, source, folder], patience_seconds)
        if len(words) > 1 and words[-2] == READY:
            return Drawn(READY, int(words[-1]))
        return Drawn(words[-1], None)

    def unpack(self, source: Path, target: Path | None, patience_seconds: float = PATIENCE_SECONDS) -> Unpacked | Why:
        """Decode into `target`, in the same way; without one the digest alone is made. Raises TryAgain as `draw`."""
        words = self._words([*UNPACK, source, target or NOWHERE], patience_seconds)
        if words[0] == READY:
            frames, size, sha256, photometric = words[1], words[2], words[3], " ".join(words[4:])
            return Unpacked(int(frames), int(size), sha256, photometric)
        return Why(words[-1])

    def _words(self, command: Sequence[str | Path], patience_seconds: float) -> list[str]:
        """What the process said last, or the reason that its end without a word is."""
        with self._lock:
            self.go_on()
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self._running.add(process)
        try:
            told, _ = process.communicate(timeout=patience_seconds)
        except subprocess.TimeoutExpired:
            return [Why.TOO_LARGE]
        finally:
            with self._lock:
                self._running.discard(process)
            _end(process)
        self.go_on()
        lines = told.splitlines()
        words = lines[-1].split() if lines and process.returncode == 0 else []
        return words if words and (words[0] == READY or words[0] in set(Why)) else [Why.DAMAGED]

    def go_on(self) -> None:
        """Return while drawing is wanted; TryAgain after `close`."""
        if self._closed:
            message = "Works is ending; the pictures are made when it runs again."
            raise TryAgain(message)

    def close(self) -> None:
        """Draw no more: what is being drawn ends at once."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()


class Tools(Protocol):
    """What making pictures needs."""

    @property
    def drawings(self) -> Drawings:
        """Who draws."""

    @property
    def access(self) -> Access:
        """The way to the organisation's rows."""

    @property
    def blobs(self) -> Blobs:
        """Where the image is, and the pictures go."""


def make_previews(tools: Tools, organisation_id: uuid.UUID, instance_id: uuid.UUID) -> None:
    """The image's pictures stand in the store, or the reason why there can be none is kept beside it."""
    with tools.access.organisation(organisation_id) as site:
        source = previews.source(site, instance_id)
    if source is None or source.preview_state != previews.WAITING:
        return
    with tempfile.TemporaryDirectory(prefix="preview-") as name:
        drawn = _make(tools, organisation_id, instance_id, source.object_key, Path(name))
    with tools.access.organisation(organisation_id) as site:
        previews.settle(site, instance_id, drawn.state, drawn.frames)
        listen.tell(site, source.exam_id)


def _make(tools: Tools, organisation_id: uuid.UUID, instance_id: uuid.UUID, key: str, folder: Path) -> Drawn:
    blobs = tools.blobs
    original = folder / "image.dcm"
    try:
        with blobs.open(key) as stream, original.open("wb") as file:
            for piece in chunks(stream):
                tools.drawings.go_on()
                file.write(piece)
    except BlobMissing:
        return Drawn(Why.DAMAGED, None)
    drawn = tools.drawings.draw(original, folder)
    if drawn.frames is not None:
        for frame in range(1, drawn.frames + 1):
            tools.drawings.go_on()
            name = frame_key(organisation_id, instance_id, frame)
            blobs.put(name, (folder / f"{frame}.webp").read_bytes(), content_type=MEDIA_TYPE)
        thumbnail = (folder / "thumb.webp").read_bytes()
        blobs.put(thumbnail_key(organisation_id, instance_id), thumbnail, content_type=MEDIA_TYPE)
    return drawn


def _end(process: subprocess.Popen[str]) -> None:
    """The process is over and collected, its pipe closed."""
    if process.poll() is None:
        process.kill()
        process.communicate()
