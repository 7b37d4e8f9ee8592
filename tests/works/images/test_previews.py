"""Pictures are made once, in a process of their own, and a process that dies is an answer."""

import sys
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.blobs.store import frame_key, thumbnail_key
from smartlink.works.errors import TryAgain
from smartlink.works.images import previews
from smartlink.works.images.previews import Drawings, Drawn, make_previews
from tests.works.images.examples import colour, dataset, jpeg, save
from tests.works.web.town import Town


@dataclass(frozen=True)
class Tools:
    access: Access
    blobs: S3Blobs
    drawings: Drawings = field(default_factory=Drawings)


def _stored(town: Town, made: Dataset, folder: Path) -> tuple[uuid.UUID, uuid.UUID]:
    """An image of Bob's whose object is in the store, waiting for its pictures."""
    exam_id = town.exam(town.bob)
    instance_id = town.instance(exam_id, preview_state="waiting")
    key = town.value("SELECT object_key FROM instance WHERE id = :id", id=instance_id)
    town.blobs.put(key, save(made, folder).read_bytes(), content_type="application/dicom")
    return exam_id, instance_id


def _state(town: Town, instance_id: uuid.UUID) -> tuple[str, int]:
    return (
        town.value("SELECT preview_state FROM instance WHERE id = :id", id=instance_id),
        town.value("SELECT frames FROM instance WHERE id = :id", id=instance_id),
    )


def test_the_pictures_of_an_image_stand_in_the_store(town: Town, tmp_path: Path) -> None:
    _, instance = _stored(town, jpeg(colour(4), "YBR_FULL_422"), tmp_path)
    make_previews(Tools(town.access, town.blobs), town.organisation_id, instance)
    assert _state(town, instance) == ("ready", 4)
    for key in (thumbnail_key(town.organisation_id, instance), frame_key(town.organisation_id, instance, 4)):
        with town.blobs.open(key) as stream:
            assert stream.read()[8:12] == b"WEBP"


def test_an_image_that_has_its_pictures_is_left_alone(town: Town, tmp_path: Path) -> None:
    _, instance = _stored(town, jpeg(colour(1), "YBR_FULL_422"), tmp_path)
    tools = Tools(town.access, town.blobs)
    make_previews(tools, town.organisation_id, instance)
    town.blobs.delete(thumbnail_key(town.organisation_id, instance))
    make_previews(tools, town.organisation_id, instance)
    assert town.blobs.head(thumbnail_key(town.organisation_id, instance)) is None


def test_what_cannot_be_displayed_keeps_its_reason_and_its_object(town: Town, tmp_path: Path) -> None:
    made = dataset(colour(1), "RGB")
    del made.PixelData
    del made.Rows
    _, instance = _stored(town, made, tmp_path)
    make_previews(Tools(town.access, town.blobs), town.organisation_id, instance)
    assert _state(town, instance) == ("no_pixels", 1)
    assert town.blobs.head(town.value("SELECT object_key FROM instance WHERE id = :id", id=instance)) is not None


def test_an_object_that_is_gone_is_an_answer_too(town: Town, now: datetime) -> None:
    instance = town.instance(town.exam(town.bob), preview_state="waiting")
    assert now is not None
    make_previews(Tools(town.access, town.blobs), town.organisation_id, instance)
    assert _state(town, instance)[0] == "damaged"


def test_an_instance_that_never_was_is_nobody_s_business(town: Town) -> None:
    make_previews(Tools(town.access, town.blobs), town.organisation_id, uuid.uuid4())


def test_a_drawing_process_that_aborts_means_a_damaged_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "DRAW", (sys.executable, "-c", "import os; os.abort()"))
    assert Drawings().draw(tmp_path / "image.dcm", tmp_path) == Drawn("damaged", None)


def test_a_drawing_process_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "DRAW", (sys.executable, "-c", "import time; time.sleep(600)"))
    assert Drawings().draw(tmp_path / "image.dcm", tmp_path, patience_seconds=0.2) == Drawn("too_large", None)


def test_a_jpeg_that_aborts_the_decoder_ends_in_a_reason(tmp_path: Path) -> None:
    path = save(jpeg(colour(2), "YBR_FULL_422"), tmp_path)
    whole = bytearray(path.read_bytes())
    whole[885:900] = bytes.fromhex("fc0999efaaae09b3054d0510335c65")
    path.write_bytes(whole)
    assert Drawings().draw(path, tmp_path).state in {"damaged", "ready"}


def test_works_that_ends_does_not_wait_for_a_drawing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(previews, "DRAW", (sys.executable, "-c", "import sys, time; time.sleep(600)"))
    drawings = Drawings()
    closing = threading.Timer(0.3, drawings.close)
    closing.start()
    with pytest.raises(TryAgain):
        drawings.draw(tmp_path / "image.dcm", tmp_path)
    with pytest.raises(TryAgain):
        drawings.draw(tmp_path / "image.dcm", tmp_path)
    closing.join()
