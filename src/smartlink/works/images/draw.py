"""The program that draws one image, in a process of its own: `python -m smartlink.works.images.draw FILE FOLDER`.

The decoders are C libraries that abort the process on some damaged codestreams (found by our own fuzzing: GDCM does).
So the worker never decodes itself: it starts this, with memory and time bounded, and a death is an answer too.
The last line on standard output is `ready FRAMES`, or the reason why the image cannot be displayed.
"""

import io
import sys
from pathlib import Path
from typing import Final

from PIL import Image

from smartlink.works.images.frames import CannotDisplay, StoredImage, Why

LONGEST_SIDE: Final = 1024
THUMBNAIL_SIDE: Final = 256
QUALITY: Final = 85
METHOD: Final = 2  # WebP's effort, 0 to 6: more costs time for a few per cent
READY: Final = "ready"
MEMORY_BYTES: Final = 3 << 30
PROCESSOR_SECONDS: Final = 900


def main(arguments: list[str]) -> int:
    """Draw the file of the first argument into the folder of the second and print what became of it; exit code 0."""
    bound()
    source, folder = (Path(argument) for argument in arguments)
    try:
        outcome = f"{READY} {draw(source, folder)}"
    except CannotDisplay as refusal:
        outcome = str(refusal.why)
    except MemoryError:
        outcome = str(Why.TOO_LARGE)
    print(outcome)  # noqa: T201 -- this is how the program answers
    return 0


def draw(source: Path, folder: Path) -> int:
    """Write `thumb.webp` and `1.webp`, `2.webp` … into the folder; how many frames there are."""
    drawn = 0
    for drawn, frame in enumerate(StoredImage(source).draw(), start=1):
        if drawn == 1:
            (folder / "thumb.webp").write_bytes(webp(frame, THUMBNAIL_SIDE))
        (folder / f"{drawn}.webp").write_bytes(webp(frame, LONGEST_SIDE))
    return drawn


def webp(frame: Image.Image, longest_side: int) -> bytes:
    """The frame as WebP, made smaller if a side is longer than that; never larger."""
    shown = frame
    if max(frame.size) > longest_side:
        shown = frame.copy()
        shown.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    shown.save(encoded, "WEBP", quality=QUALITY, method=METHOD)
    return encoded.getvalue()


def bound() -> None:
    """The process takes no more than this from here on; Windows has no such call, there the caller's clock must do."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 -- POSIX only

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
