"""Where the demo plays: one folder, Works and a gateway on free ports, both ended when it is over."""

from __future__ import annotations

import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx

from smartlink.demo.archive import Archive
from smartlink.demo.programs import (
    LOOPBACK,
    Program,
    ProgramFailed,
    free_port,
    read_known,
    wait_for,
    write_known,
)
from smartlink.demo.ultrasound import Target
from smartlink.link.paths import HEALTH
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.blobs.store import chunks
from smartlink.works.embedded import seaweedfs, services
from smartlink.works.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

UP_SECONDS = 120.0
DICOM_PORT = 5104
WEB_PORT = 8080
WATERMARK_BYTES = 10**9
RECEIVER = "SMARTLINKRCVR"
BUCKET = str(Settings.model_fields["storage_bucket"].default)


@dataclass(slots=True)
class Stage:
    """Works and a gateway with their data under one folder. Nothing runs until it is started."""

    folder: Path
    works: Program
    gateway: Program
    works_url: str
    dicom: Target
    secrets: list[str] = field(default_factory=list)
    archive: Archive = field(init=False)

    def __post_init__(self) -> None:
        """The stand-in PACS keeps its files beside the others'."""
        self.archive = Archive(self.folder / "pacs")

    def start_works(self) -> None:
        """Start Works and return when it answers."""
        self.works.start("run")
        self._write_down()
        port = httpx.URL(self.works_url).port or 0
        self._wait_until(self.works, lambda: _listens(self.works, port) and self.works_answers(), "Works answers")

    def start_gateway(self) -> None:
        """Start the gateway and return when its command line sees it running."""
        self.gateway.start("run")
        self._write_down()

    def works_answers(self) -> bool:
        """Whether Works says that it is well."""
        with suppress(httpx.HTTPError):
            return httpx.get(self.works_url + HEALTH, timeout=5, trust_env=False).is_success
        return False

    def dicom_port_is_open(self) -> bool:
        """Whether somebody listens at the gateway's DICOM port."""
        return _somebody_listens(self.dicom.port)

    def open_dicom_port(self) -> None:
        """Return when the licensed gateway listens; raise ProgramFailed when somebody else has its port."""
        self._wait_until(self.gateway, lambda: _listens(self.gateway, self.dicom.port), "the gateway opens its port")

    def status(self) -> dict[str, Any]:
        """What the gateway says of itself."""
        told: dict[str, Any] = self.gateway.ask("status")
        return told

    def stop(self) -> None:
        """End both programs in good order, the gateway first."""
        try:
            self.gateway.stop()
        finally:
            self.archive.stop()
            self.works.stop()
            (self.folder / "programs.json").unlink(missing_ok=True)

    def read_object(self, key: str) -> bytes:
        """An object's bytes, straight from the storage that Works started."""
        store = seaweedfs.recorded(self.folder / "works")
        keys = {"access_key": store.access_key, "secret_key": store.secret_key}
        blobs = S3Blobs(endpoint=store.endpoint, bucket=BUCKET, **keys)
        with blobs.open(key) as stream:
            return b"".join(chunks(stream))

    def logs(self, program: Program) -> list[Path]:
        """Where a program says what it does: what it printed, and the gateway's service log."""
        own = (
            sorted((self.folder / "gateway" / "Logs").glob("SmartLink-service-*.log"))
            if program is self.gateway
            else []
        )
        return [program.log, *own[-1:]]

    def without_secrets(self, text: str) -> str:
        """The text with every password and key that was made here struck out."""
        for secret in self.secrets:
            text = text.replace(secret, "\N{HORIZONTAL ELLIPSIS}")
        return text

    def _wait_until(self, program: Program, fact: Callable[[], bool], what: str) -> None:
        def so() -> bool:
            program.must_run()
            return fact()

        wait_for(so, UP_SECONDS, what)

    def _write_down(self) -> None:
        running = [program.known for program in (self.works, self.gateway) if program.runs()]
        write_known(self.folder / "programs.json", running)


def _somebody_listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), 5):
        return True
    return False


def _listens(program: Program, port: int) -> bool:
    """Whether it is this program that listens: another one may have taken the port since it was found free."""
    if not _somebody_listens(port):
        return False
    if not program.listens_at(port):
        raise ProgramFailed(f"Port {port} belongs to another program than {program.name}.", program.tail())
    return True


def clear(folder: Path) -> None:
    """End what an earlier demo left running and remove its folder."""
    for known in read_known(folder / "programs.json"):
        known.end()
    if (folder / "works").exists():
        services.remove(folder / "works")
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def works_program(folder: Path, settings: Mapping[str, str] | None = None, *, port: int = 0) -> tuple[Program, str]:
    """Works with its data in `folder`, not yet started, and the address at which it will answer."""
    port = free_port(port)
    url = f"http://{LOOPBACK}:{port}"
    own = {
        "WORKS_DATA": str(folder / "works"),
        "WORKS_HOST": LOOPBACK,
        "WORKS_PORT": str(port),
        "WORKS_PUBLIC_URL": url,
    }
    return Program("works", {**own, **(settings or {})}, folder / "works.log"), url


def gateway_program(folder: Path, works_url: str) -> Program:
    """A gateway with its data in `folder`, not yet started."""
    settings = {
        "SMARTLINK_DATA": str(folder / "gateway"),
        "SMARTLINK_WORKS_URL": works_url,
        "SMARTLINK_BIND": LOOPBACK,
        "SMARTLINK_DRAIN_SECONDS": "10",
    }
    return Program("smartlink", settings, folder / "smartlink.log")


def build(folder: Path, *, dicom_port: int = 0, web_port: int = 0) -> Stage:
    """The stage in a folder, on these ports if they are free; nothing is started."""
    folder.mkdir(parents=True, exist_ok=True)
    works, url = works_program(folder, port=web_port)
    target = Target(LOOPBACK, free_port(dicom_port), RECEIVER)
    return Stage(folder, works, gateway_program(folder, url), url, target)


def prepare_gateway(stage: Stage, licence_key: str) -> None:
    """Set port and disk watermark, activate, start, and return when the DICOM port is open."""
    stage.dicom = replace(stage.dicom, port=free_port(stage.dicom.port))
    stage.gateway.ask("settings", f"port={stage.dicom.port}", f"disk_reserve_bytes={WATERMARK_BYTES}")
    stage.start_gateway()
    stage.gateway.ask("activate", licence_key)
    stage.open_dicom_port()
