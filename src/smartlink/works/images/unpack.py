"""The program that decodes one image, in a process of its own: `python -m smartlink.works.images.unpack FILE TARGET`.

Like `images.draw`: the decoders may abort the process, and a death is an answer too. The pixels of all frames come one
after the other into the target file; the last line on standard output is `ready FRAMES SIZE SHA256 PHOTOMETRIC`, or
the reason why the image cannot be decoded. With `-` as target nothing is written: the digest alone is wanted.
"""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smartlink.works.images.draw import READY, bound
from smartlink.works.images.frames import CannotDisplay, StoredImage, Why

NOWHERE: Final = "-"
# Values that a decoder gives of these are not exact, so colours may become RGB on the way (PS3.5 sections 8.2 and 10).
LOSSY: Final = frozenset(f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "81", "91", "93", "203"))


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What became of decoding: how many frames and bytes, their digest, and what the values mean."""

    frames: int
    size: int
    sha256: str
    photometric_interpretation: str


def main(arguments: list[str]) -> int:
    """Decode the file of the first argument into the second and print what became of it; exit code 0."""
    bound()
    source, target = arguments
    try:
        told = unpack(Path(source), Path(os.devnull if target == NOWHERE else target))
        outcome = f"{READY} {told.frames} {told.size} {told.sha256} {told.photometric_interpretation}"
    except CannotDisplay as refusal:
        outcome = str(refusal.why)
    except MemoryError:
        outcome = str(Why.TOO_LARGE)
    print(outcome)  # noqa: T201 -- this is how the program answers
    return 0


def unpack(source: Path, target: Path) -> Unpacked:
    """Write the native pixels of every frame; raises CannotDisplay."""
    image = StoredImage(source)
    digest, size, frames, photometric = hashlib.sha256(), 0, 0, ""
    with target.open("wb") as file:
        for pixels, meaning in image.native(rgb=image.transfer_syntax in LOSSY):
            file.write(pixels)
            digest.update(pixels)
            size += len(pixels)
            frames, photometric = frames + 1, meaning
    if frames != image.frames:
        raise CannotDisplay(Why.DAMAGED)
    return Unpacked(frames, size, digest.hexdigest(), photometric)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
