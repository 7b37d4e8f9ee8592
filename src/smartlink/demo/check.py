"""What `--once` proves: the stored Data Set is the one sent, and the physician sees the exam."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.pages import Pages
from smartlink.demo.programs import ProgramFailed, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smartlink.demo.exam import SampleExam
    from smartlink.demo.journey import Journey
    from smartlink.demo.pages import ShownImage
    from smartlink.demo.play import Played
    from smartlink.demo.stage import Stage

PICTURE_SECONDS = 90.0


def everything(stage: Stage, played: Played) -> str:
    """Check bytes, sign-in, exam and picture; return a sentence that says what was proven."""
    stored_as_sent(played.exam, played.journey, stage.read_object)
    archived_as_sent(played.exam, stage.archive.held())
    physician = played.site.physicians[0]
    with Pages(stage.works_url) as pages:
        pages.sign_in(physician)
        exam_is_shown(pages, played.exam)
    count, name = len(played.exam.files), physician.name
    return f"{count} Data Sets in Works and in the PACS byte for byte as sent; {name} sees the exam and the cine"


def stored_as_sent(exam: SampleExam, journey: Journey, read_object: Callable[[str], bytes]) -> None:
    """Return if storage holds every Data Set byte for byte as it was sent, else raise ProgramFailed."""
    stops = {stop.sop_instance_uid: stop for stop in journey.stops}
    if set(stops) != {sent.sop_instance_uid for sent in exam.files}:
        raise ProgramFailed(f"Works knows {len(stops)} instances of the exam; {len(exam.files)} were sent.")
    for sent in exam.files:
        stop = stops[sent.sop_instance_uid]
        stored = read_object(stop.object_key)
        if hashlib.sha256(stored).hexdigest() != stop.object_sha256:
            raise ProgramFailed(f"The object of {sent.path.name} is not the one that Works recorded.")
        if data_set_bytes(stored) != data_set_bytes(sent.path.read_bytes()):
            raise ProgramFailed(f"The Data Set of {sent.path.name} was changed on its way.")


def archived_as_sent(exam: SampleExam, held: Mapping[str, bytes]) -> None:
    """Return if the PACS holds every Data Set byte for byte as it was sent, each once, else raise ProgramFailed."""
    if set(held) != {sent.sop_instance_uid for sent in exam.files}:
        raise ProgramFailed(f"The PACS holds {len(held)} instances; the exam has {len(exam.files)}.")
    for sent in exam.files:
        if held[sent.sop_instance_uid] != data_set_bytes(sent.path.read_bytes()):
            raise ProgramFailed(f"The Data Set of {sent.path.name} in the PACS is not the one that was sent.")


def exam_is_shown(pages: Pages, exam: SampleExam) -> None:
    """Return if the signed-in physician finds the exam in Completed with all its pictures, else raise."""
    address = pages.exam_of("completed", exam.order.family)

    def all_ready() -> list[ShownImage] | None:
        images = pages.images(address)
        ready = len(images) == len(exam.files) and all(image.state == "ready" for image in images)
        return images if ready else None

    images = wait_for(all_ready, PICTURE_SECONDS, "the pictures of the exam are made", pause=0.2)
    if sorted(image.frames for image in images) != sorted(sent.frames for sent in exam.files):
        raise ProgramFailed("The exam page shows other images than were sent.")
    for image in images:
        for frame in (1, image.frames):
            _check_picture(pages, f"{image.address}{frame}")


def _check_picture(pages: Pages, address: str) -> None:
    answer = pages.get(address)
    if not answer.is_success:
        raise ProgramFailed(f"A frame of the exam answered {answer.status_code}.")
    Image.open(BytesIO(answer.content)).load()
