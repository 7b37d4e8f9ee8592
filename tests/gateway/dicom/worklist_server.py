"""Worklist servers for tests: DCMTK's wlmscpfs with the files that it answers from, and one that answers as told."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.data import get_charset_files
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from smartlink.gateway.calling import Peer
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import NO_DATA_SET, WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.framing import message
from smartlink.standard.reject import CALLING_AE_TITLE_NOT_RECOGNIZED
from smartlink.standard.sop_class import MODALITY_WORKLIST_FIND, VERIFICATION
from smartlink.standard.status import Status
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from tests.gateway.dicom.pacs import Callee
from tests.gateway.dicom.pacs import scripted as acting
from tests.requires import requires

AE_TITLE = "HOSPITAL"

NAMES = {
    "chrArab": "قباني^لنزار",
    "chrFren": "Buc^Jérôme",
    "chrFrenMulti": "Buc^Jérôme",
    "chrGerm": "Äneas^Rüdiger",
    "chrGreek": "Διονυσιος",
    "chrH31": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrHbrw": "שרון^דבורה",
    "chrI2": "Hong^Gildong=洪^吉洞=홍^길동",
    "chrJapMulti": "やまだ^たろう",
    "chrJapMultiExplicitIR6": "やまだ^たろう",
    "chrKoreanMulti": "김희중",
    "chrRuss": "Люкceмбypг",
    "chrX1": "Wang^XiaoDong=王^小東",
    "chrX2": "Wang^XiaoDong=王^小东",
}
"""The Patient's Names of pydicom's charset files, as pydicom's own `tests/test_charset.py` has them."""


def called(port: int, ae_title: str = AE_TITLE) -> Peer:
    return Peer("127.0.0.1", port, ae_title, "SMARTLINKWLSCU")


def step(start: datetime, *, number: int = 1, **values: Any) -> Dataset:
    """One answer: a scheduled step of ultrasound; `values` replace or add to what it says of patient and order."""
    scheduled = Dataset()
    scheduled.Modality = "US"
    scheduled.ScheduledStationAETitle = "US01"
    scheduled.ScheduledProcedureStepStartDate = f"{start:%Y%m%d}"
    scheduled.ScheduledProcedureStepStartTime = f"{start:%H%M%S}"
    scheduled.ScheduledPerformingPhysicianName = "Ferrer^Lucia"
    scheduled.ScheduledProcedureStepDescription = "Echocardiography"
    scheduled.ScheduledProcedureStepID = f"S{number}"
    found = Dataset()
    found.PatientName = "Zzyxpatient^Marker"
    found.PatientID = f"ZZYXID-{number}"
    found.PatientBirthDate = "19010203"
    found.PatientSex = "F"
    found.AccessionNumber = f"ZZYXACC-{number}"
    found.StudyInstanceUID = f"1.2.3.{number}"
    found.RequestedProcedureID = f"RP{number}"
    found.RequestedProcedureDescription = "Echo"
    for name, value in values.items():
        setattr(found if not name.startswith("Scheduled") and name != "Modality" else scheduled, name, value)
    found.ScheduledProcedureStepSequence = Sequence([scheduled])
    return found


def charset_steps(start: datetime) -> dict[str, Dataset]:
    """One step for each charset file of pydicom that names a patient: the bytes of the name are the file's own."""
    steps = {}
    for number, path in enumerate(sorted(map(Path, get_charset_files("*.dcm"))), start=100):
        source = dcmread(path)
        if "PatientName" in source:
            made = step(start, number=number, StudyInstanceUID=generate_uid())
            made.SpecificCharacterSet = source.SpecificCharacterSet
            made[0x00100010] = source.get_item(0x00100010)
            made.AccessionNumber = path.stem[:16]
            steps[path.stem] = made
    return steps


def write(folder: Path, name: str, answer: Dataset) -> None:
    """Put one step where wlmscpfs looks."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lockfile").touch()
    answer.file_meta = FileMetaDataset()
    answer.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    answer.file_meta.MediaStorageSOPClassUID = UID(MODALITY_WORKLIST_FIND)
    answer.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    answer.save_as(folder / f"{name}.wl", enforce_file_format=True)


@contextmanager
def wlmscpfs(folder: Path, port: int | None = None) -> Iterator[int]:
    """Run DCMTK's wlmscpfs over `folder`/AE_TITLE; yield its port once it listens."""
    (folder / AE_TITLE).mkdir(parents=True, exist_ok=True)
    (folder / AE_TITLE / "lockfile").touch()
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    # Without -csk it drops Specific Character Set from its answers.
    command = [requires("wlmscpfs"), "-csk", "-dfp", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_open(port)
            yield port
        finally:
            process.kill()


Answers = Iterable[tuple[int, Dataset | None]]
"""What is said to one query: Status and Data Set of each response."""


class UntilCancelled:
    """A query that goes on: these answers, and the end only once C-CANCEL was heard."""

    def __init__(self, answers: Iterable[Dataset]) -> None:
        self.answers = answers
        self.was_cancelled = False


@contextmanager
def scripted(
    answers: Answers | UntilCancelled | None, *, echo: bool = True, only_for: str | None = None
) -> Iterator[int]:
    """A server that answers each C-FIND so; without `answers` it offers none. Yields its port."""

    def play(sock: socket.socket) -> None:
        callee = Callee(sock)
        event = callee.hear()
        assert isinstance(event, ul.AssociationRequested)
        if only_for not in {None, event.request.calling_ae_title}:
            sock.sendall(callee.layer.reject(CALLING_AE_TITLE_NOT_RECOGNIZED))
            callee.hear()
            return
        offered = {VERIFICATION} if echo else set()
        offered |= set() if answers is None else {MODALITY_WORKLIST_FIND}
        accept(callee, event.request, offered)
        while callee.message_follows():
            context_id, command = callee.take()
            if command.field == CommandField.C_ECHO_RQ:
                callee.answer(context_id, command)
            elif isinstance(answers, UntilCancelled):
                for one in answers.answers:
                    say(callee, context_id, command, Status.PENDING, one)
                _, heard = callee.take()
                answers.was_cancelled = heard.field == CommandField.C_CANCEL_RQ
                assert heard.message_id_responded_to == command.message_id
                say(callee, context_id, command, Status.CANCEL, None)
            else:
                for status, data_set in answers or ():
                    say(callee, context_id, command, status, data_set)

    with acting(play) as port:
        yield port


def accept(callee: Callee, request: pdu.AssociateRequest, offered: set[str]) -> None:
    """Accept what is offered in Implicit VR Little Endian, and nothing else."""
    contexts = tuple(
        pdu.ContextAnswer(one.context_id, _result(one, offered), IMPLICIT_VR_LITTLE_ENDIAN) for one in request.contexts
    )
    answer = pdu.AssociateAccept(
        called_ae_title=request.called_ae_title,
        calling_ae_title=request.calling_ae_title,
        contexts=contexts,
        maximum_length=16384,
    )
    callee.sock.sendall(callee.layer.accept(answer))


def _result(context: pdu.ProposedContext, offered: set[str]) -> pdu.ContextResult:
    if context.abstract_syntax not in offered:
        return pdu.ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    if IMPLICIT_VR_LITTLE_ENDIAN not in context.transfer_syntaxes:
        return pdu.ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED
    return pdu.ContextResult.ACCEPTANCE


def say(callee: Callee, context_id: int, asked: Command, status: int, answer: Dataset | None) -> None:
    """One response, with its Data Set."""
    data = b"" if answer is None else encoded(answer, IMPLICIT_VR_LITTLE_ENDIAN)
    told = replace(asked.response(status), data_set_type=WITH_DATA_SET if data else NO_DATA_SET)
    callee.sock.sendall(message(callee.layer, context_id, told, data))


def encoded(data_set: Dataset, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    """A Data Set as on the wire."""
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = syntax == IMPLICIT_VR_LITTLE_ENDIAN
    write_dataset(buffer, data_set)
    return buffer.getvalue()


def _wait_until_open(port: int) -> None:
    patience = threading.Event()
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        patience.wait(0.025)
    raise AssertionError("wlmscpfs did not open its port")
