"""The stand-in ultrasound system: it sends files as a cart does, by DCMTK's storescu when there is one."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config

from smartlink.demo.programs import ProgramFailed
from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    RLE_LOSSLESS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SEND_SECONDS = 120

PROPOSE = {
    JPEG_BASELINE: "--propose-jpeg8",
    RLE_LOSSLESS: "--propose-rle",
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: "--propose-deflated",
    EXPLICIT_VR_BIG_ENDIAN: "--propose-big",
    IMPLICIT_VR_LITTLE_ENDIAN: "--propose-implicit",
    EXPLICIT_VR_LITTLE_ENDIAN: "--propose-little",
}
"""storescu's option to propose a Transfer Syntax."""


@dataclass(frozen=True, slots=True)
class Target:
    """The Storage SCP to send to."""

    host: str
    port: int
    called_ae_title: str


def sender_name() -> str:
    """What will send: for people to read."""
    return "DCMTK storescu" if shutil.which("storescu") else "smartlink's own requestor"


def send(
    files: Sequence[Path], target: Target, calling_ae_title: str, transfer_syntax_uid: str = JPEG_BASELINE
) -> None:
    """Send the files in one Association; return when each was answered Success, else raise ProgramFailed."""
    if shutil.which("storescu"):
        done = storescu(files, target, calling_ae_title, transfer_syntax_uid)
        if done.returncode != 0:
            raise ProgramFailed("storescu was not answered with Success.", (done.stdout + done.stderr).strip())
        return
    _send_by_ourselves(files, target, calling_ae_title)


def storescu(
    files: Sequence[Path],
    target: Target,
    calling_ae_title: str,
    transfer_syntax_uid: str = JPEG_BASELINE,
    *options: str,
) -> subprocess.CompletedProcess[str]:
    """Run DCMTK's storescu to its end, whatever comes out; with `-v` it prints each status."""
    command = ["storescu", "-v", PROPOSE[transfer_syntax_uid], *options]
    command += ["-aet", calling_ae_title, "-aec", target.called_ae_title, target.host, str(target.port)]
    return subprocess.run(
        [*command, *map(str, files)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=SEND_SECONDS,
        check=False,
    )


def _send_by_ourselves(files: Sequence[Path], target: Target, calling_ae_title: str) -> None:
    """Without DCMTK: pynetdicom, told to send each file's Data Set as it lies there."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    cart = AE(ae_title=calling_ae_title)
    for sop_class_uid, transfer_syntax_uid in sorted({_meta(file) for file in files}):
        cart.add_requested_context(sop_class_uid, transfer_syntax_uid)
    association = cart.associate(target.host, target.port, ae_title=target.called_ae_title)
    if not association.is_established:
        raise ProgramFailed("The gateway did not accept the Association.")
    try:
        for file in files:
            status = association.send_c_store(file)
            if status.get("Status") != 0:
                raise ProgramFailed(f"A C-STORE was answered {status.get('Status', 'not at all')}.")
    finally:
        association.release()


def _meta(file: Path) -> tuple[str, str]:
    meta = read_file_meta_info(file)
    return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)
