"""PACS for the tests: DCMTK's storescp in each of its moods, Orthanc, and one that answers as it is told.

Each has a port and an AE title, can be taken down and brought up again at the same port, and says what it holds.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import httpx
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless
from pynetdicom import AE, evt

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.programs import LOOPBACK, free_port, wait_for
from smartlink.standard.sop_class import ULTRASOUND_IMAGE, ULTRASOUND_MULTIFRAME_IMAGE
from tests.real import samples
from tests.real.scu import VERIFICATION, Aborted, Association, Rejected
from tests.requires import requires

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydicom.dataset import Dataset
    from pynetdicom.ae import ThreadedAssociationServer

UNCOMPRESSED = [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)]
EVERYTHING = {
    sop_class: [*UNCOMPRESSED, str(JPEGBaseline8Bit), str(RLELossless)]
    for sop_class in (ULTRASOUND_IMAGE, ULTRASOUND_MULTIFRAME_IMAGE)
}
"""What ultrasound systems send, in the Transfer Syntaxes of the samples."""
UP_SECONDS = 30.0
DOWN_SECONDS = 10.0


class Mood(Enum):
    """How storescp behaves; the value is its options."""

    TAKES_ALL = ("--accept-all",)
    ONLY_UNCOMPRESSED = ()
    REFUSES = ("--refuse",)
    ABORTS_DURING = ("--accept-all", "--abort-during")
    ABORTS_AFTER = ("--accept-all", "--abort-after")


@dataclass(frozen=True, slots=True)
class Held:
    """One file that a PACS holds."""

    sop_instance_uid: str
    transfer_syntax_uid: str
    part10: bytes

    @property
    def data_set(self) -> bytes:
        """The Data Set's bytes."""
        return data_set_bytes(self.part10)

    def read(self) -> Dataset:
        """The same, parsed."""
        return dcmread(BytesIO(self.part10))


@dataclass(slots=True)
class Process:
    """A server that is started, taken down and brought up again at one port; its output goes to a log."""

    folder: Path
    ae_title: str = "ARCHIVE"
    port: int = field(default_factory=free_port)
    watch: Callable[[int], None] = lambda _: None
    """Told of each process, so that it ends with the run however the run ends."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where it says what it does."""
        return self.folder / "pacs.log"

    def down(self) -> None:
        """Take it down: nobody listens."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(DOWN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def _start(self, *command: str) -> None:
        self.down()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.watch(self._process.pid)

    def _must_run(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def echoes(self) -> bool:
        """Whether it answers a C-ECHO, or rejects or aborts what asks for one."""
        self._must_run()
        try:
            with Association(self.port, self.ae_title, "TESTER", samples.PROPOSED, timeout=5) as association:
                return association.echo() == 0
        except (Rejected, Aborted):
            return True
        except OSError:
            return False


@dataclass(slots=True)
class Storescp(Process):
    """DCMTK's storescp: every C-STORE makes a file of its own, so that a repeat is seen."""

    def up(self, mood: Mood = Mood.TAKES_ALL) -> Self:
        """Bring it up, in this mood."""
        self.files.mkdir(parents=True, exist_ok=True)
        kept = ("--bit-preserving", "--unique-filenames", "--output-directory", str(self.files))
        self._start(requires("storescp"), "-v", *mood.value, "-aet", self.ae_title, *kept, str(self.port))
        wait_for(self.echoes, UP_SECONDS, "storescp answers")
        return self

    @property
    def files(self) -> Path:
        """Where it keeps what it received."""
        return self.folder / "received"

    def held(self) -> list[Held]:
        """What it received whole, repeats and all."""
        wholes = (path.read_bytes() for path in sorted(self.files.glob("*")))
        return [_held(whole) for whole in wholes if whole]

    def associations(self) -> int:
        """How often it was asked for an Association since it is there."""
        return self.log.read_text(encoding="utf-8", errors="replace").count("Association Received")

    def count(self) -> Counter[str]:
        """SOP Instance UID to the number of times that it was received whole."""
        return Counter(one.sop_instance_uid for one in self.held())


@dataclass(slots=True)
class Orthanc(Process):
    """A PACS with a database: it holds each SOP Instance UID once."""

    web_port: int = field(default_factory=free_port)

    def up(self, **settings: object) -> Self:
        """Bring it up; `settings` go into its configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {
            "Name": self.ae_title,
            "StorageDirectory": str(self.folder / "database"),
            "IndexDirectory": str(self.folder / "database"),
            "DicomAet": self.ae_title,
            "DicomPort": self.port,
            "DicomCheckCalledAet": True,
            "HttpPort": self.web_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [],
            "DicomScpTimeout": 30,
            **settings,
        }
        configuration = self.folder / "orthanc.json"
        configuration.write_text(json.dumps(told), encoding="utf-8")
        self._start(requires("Orthanc"), "--verbose", str(configuration))
        wait_for(self._answers, UP_SECONDS, "Orthanc answers")
        return self

    def held(self) -> list[Held]:
        """Everything it holds."""
        return [_held(self._get(f"/instances/{name}/file").content) for name in self._get("/instances").json()]

    def count(self) -> Counter[str]:
        """SOP Instance UID to the number of times that it is there."""
        listed = self._get("/instances", expand="").json()
        return Counter(one["MainDicomTags"]["SOPInstanceUID"] for one in listed)

    def studies(self) -> list[dict[str, Any]]:
        """What its study list shows: patient and study attributes by keyword."""
        return [
            {**one["PatientMainDicomTags"], **one["MainDicomTags"]} for one in self._get("/studies", expand="").json()
        ]

    def frames(self, sop_instance_uid: str) -> list[bytes]:
        """The encoded frames of an instance, as they lie in the file."""
        (name,) = (
            one["ID"]
            for one in self._get("/instances", expand="").json()
            if one["MainDicomTags"]["SOPInstanceUID"] == sop_instance_uid
        )
        numbers = self._get(f"/instances/{name}/frames").json()
        return [self._get(f"/instances/{name}/frames/{number}/raw").content for number in numbers]

    def _answers(self) -> bool:
        if not self.echoes():
            return False
        try:
            return self._get("/system").is_success
        except httpx.TransportError:
            return False

    def _get(self, path: str, **query: str) -> httpx.Response:
        answer = httpx.get(f"http://{LOOPBACK}:{self.web_port}{path}", params=query, timeout=10, trust_env=False)
        return answer.raise_for_status()


@dataclass(slots=True)
class Scripted:
    """A PACS that answers each C-STORE as it is told: a Status for a SOP Instance UID and its attempt (from 1).

    Status 0 keeps the instance. Built on pynetdicom: here the answers count, not the bytes on the wire.
    """

    answer: Callable[[str, int], int] = lambda _uid, _attempt: 0
    ae_title: str = "ARCHIVE"
    port: int = field(default_factory=free_port)
    verifies: bool = True
    """Whether it accepts the Verification SOP Class."""
    syntaxes: Mapping[str, list[str]] | None = None
    """SOP Class to the Transfer Syntaxes that it accepts; everything ultrasound in every syntax when None."""
    kept: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    associations: int = 0
    silent: threading.Event = field(default_factory=threading.Event)
    """While set, a C-STORE is not answered."""
    _server: ThreadedAssociationServer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gone: threading.Event = field(default_factory=threading.Event)

    def up(self) -> Self:
        """Bring it up."""
        self._gone = threading.Event()
        entity = AE(ae_title=self.ae_title)
        entity.require_called_aet = True
        entity.maximum_pdu_size = 128 * 1024
        if self.verifies:
            entity.add_supported_context(VERIFICATION)
        for sop_class, syntaxes in (self.syntaxes or EVERYTHING).items():
            entity.add_supported_context(sop_class, syntaxes)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store), (evt.EVT_ACCEPTED, self._accepted)]
        self._server = entity.start_server((LOOPBACK, self.port), block=False, evt_handlers=handlers)
        return self

    def down(self) -> None:
        """Take it down: nobody listens."""
        self._gone.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def count(self) -> Counter[str]:
        """SOP Instance UID to the number of times that it was kept."""
        with self._lock:
            return Counter(self.kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def _accepted(self, _: evt.Event) -> None:
        with self._lock:
            self.associations += 1

    def _store(self, event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)  # type: ignore[union-attr] # C-STORE has it
        gone = self._gone
        while self.silent.is_set() and not gone.wait(0.05):
            continue
        with self._lock:
            self.attempts[uid] += 1
            status = self.answer(uid, self.attempts[uid])
            self.kept[uid] += status == 0
        return status


def _held(part10: bytes) -> Held:
    meta = dcmread(BytesIO(part10), specific_tags=[]).file_meta
    return Held(str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID), part10)
