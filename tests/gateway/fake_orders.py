"""The half of the fake Works that orders: commands until acknowledged, tickets for objects, reports as they came."""

from __future__ import annotations

import hashlib
import io
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from smartlink.link import paths
from smartlink.link.commands import Deliver, OrderedInstance

ULTRASOUND_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
EXPLICIT = "1.2.840.10008.1.2.1"


@dataclass
class Orders:
    """What was ordered, and what was told of it. Tests read and change it while the server runs."""

    url: str = ""
    commands: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    items: dict[UUID, tuple[OrderedInstance, bytes]] = field(default_factory=dict)
    not_wanted: set[UUID] = field(default_factory=set)
    reports: list[dict[str, Any]] = field(default_factory=list)
    gets: int = 0
    polls: int = 0
    asked_again: list[bool] = field(default_factory=list)
    """For each poll, whether it asked for what was told before and not acknowledged."""
    wait: bool = False
    """Whether an empty poll waits, as Works' does, until something is ordered or the server ends."""
    news: threading.Condition = field(default_factory=threading.Condition)
    over: bool = False

    def order(self, connection_id: UUID, *images: bytes, resend: bool = False, delivery: UUID | None = None) -> Deliver:
        """Order these Part 10 files for a PACS."""
        instances = tuple(described(image) for image in images)
        return self.order_again(connection_id, delivery or uuid.uuid4(), instances, images, resend=resend)

    def order_again(
        self,
        connection_id: UUID,
        delivery: UUID,
        instances: tuple[OrderedInstance, ...],
        images: tuple[bytes, ...],
        *,
        resend: bool = False,
    ) -> Deliver:
        """Order these instances with a command of its own."""
        for one, image in zip(instances, images, strict=True):
            self.items[one.item_id] = (one, image)
        command = Deliver(
            command_id=uuid.uuid4(),
            delivery_id=delivery,
            connection_id=connection_id,
            instances=instances,
            resend=resend,
        )
        self.command(command.model_dump(mode="json"))
        return command

    def command(self, command: dict[str, Any]) -> None:
        """Have a command fetched."""
        with self.news:
            self.commands.append(command)
            self.news.notify_all()

    def end(self) -> None:
        """Let polls that wait end."""
        with self.news:
            self.over = True
            self.news.notify_all()

    def last(self) -> dict[UUID, dict[str, Any]]:
        """The latest report of each item."""
        return {UUID(one["item_id"]): one for one in self.reports}

    def states(self) -> list[str]:
        """The latest state of each item, sorted."""
        return sorted(one["state"] for one in self.last().values())

    def fetch(self, *, again: bool = False) -> dict[str, Any]:
        """Answer a poll."""
        with self.news:
            self.polls += 1
            self.asked_again.append(again)
            while self.wait and not self.over and not self._open():
                self.news.wait(25)
            return {"commands": self._open()[:16]}

    def _open(self) -> list[dict[str, Any]]:
        return [one for one in self.commands if one["command_id"] not in self.acknowledged]

    def answer(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        """Answer a POST."""
        if path == paths.COMMANDS_ACKNOWLEDGE:
            self.acknowledged += message["command_ids"]
            return {"command_ids": message["command_ids"]}
        if path == paths.DOWNLOADS:
            return {"answers": [self._ticket(UUID(one)) for one in message["item_ids"]]}
        self.reports += message["items"]
        return {"item_ids": [one["item_id"] for one in message["items"]]}

    def get(self, item_id: UUID) -> bytes:
        """Return an object's bytes."""
        self.gets += 1
        return self.items[item_id][1]

    def _ticket(self, item_id: UUID) -> dict[str, Any]:
        if item_id not in self.items or item_id in self.not_wanted:
            return {"outcome": "not_wanted", "item_id": str(item_id), "detail": "The delivery was cancelled."}
        ordered, _ = self.items[item_id]
        return {
            "outcome": "ticket",
            "item_id": str(item_id),
            "url": f"{self.url}/ordered/{item_id}",
            "headers": {},
            "size": ordered.size,
            "object_sha256": ordered.object_sha256,
            "expires_at": "2126-01-01T00:00:00Z",
        }


def an_image(uid: str, *, study: str = "1.2.4", syntax: str = EXPLICIT, pixels: bytes = b"\0" * 64) -> bytes:
    """Return a small Part 10 file, as Works has it in object storage."""
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = ULTRASOUND_IMAGE, uid
    image.StudyInstanceUID, image.SeriesInstanceUID = study, f"{study}.1"
    image.Modality, image.PatientName = "US", "Doe^Jane"
    image.add_new(0x7FE00010, "OB" if syntax != EXPLICIT else "OW", pixels)
    if syntax not in {EXPLICIT, "1.2.840.10008.1.2"}:
        image["PixelData"].is_undefined_length = True
        image["PixelData"].value = pydicom.encaps.encapsulate([pixels])
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    image.file_meta = meta
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, image, enforce_file_format=True)
    return buffer.getvalue()


def data_set(image: bytes) -> bytes:
    """Return the bytes after File Meta Information."""
    return image[144 + int.from_bytes(image[140:144], "little") :]


def described(image: bytes) -> OrderedInstance:
    """Return what Works orders of a Part 10 file."""
    read = pydicom.dcmread(io.BytesIO(image), stop_before_pixels=True)
    return OrderedInstance(
        item_id=uuid.uuid4(),
        sop_class_uid=read.SOPClassUID,
        sop_instance_uid=read.SOPInstanceUID,
        study_instance_uid=read.StudyInstanceUID,
        transfer_syntax_uid=read.file_meta.TransferSyntaxUID,
        size=len(image),
        object_sha256=hashlib.sha256(image).hexdigest(),
        dataset_sha256=hashlib.sha256(data_set(image)).hexdigest(),
    )
