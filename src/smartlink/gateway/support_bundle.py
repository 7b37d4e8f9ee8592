"""The support bundle: a zip that says how this gateway does, without a secret and without a word about a patient.

What is in it is listed here, and nothing else goes in: versions, settings, status, connections, callers that were
turned away, diagnostics, and log files. Catalogue, journal, spool, credential and certificates are never opened for
it. Log lines pass once more through what keeps patient data out of them.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import zipfile
from contextlib import suppress
from datetime import datetime, timedelta
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from smartlink.gateway.log import PATIENT_FIELDS
from smartlink.gateway.log_reading import Wanted, files, lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smartlink.gateway.settings import Deployment

Part = Any
"""What JSON can say."""

_README: Final = """\
SmartLink support bundle

It holds versions, settings without secrets, status, connections, callers that were turned away, the outcome of
`smartlink diagnose` where it could be made, and the log files of the last days.
It holds no images, no catalogue, no password, no key, and nothing about patients.
"""


def make(target: Path, parts: Mapping[str, Part], logs: Path, *, days: int, now: datetime) -> dict[str, int]:
    """Write a new zip; return the names in it with their sizes in bytes. Raises FileExistsError, OSError.

    `parts` are told as `NAME.json`. The zip appears under its name only when it is whole.
    """
    if target.exists():
        raise FileExistsError(target)
    wanted = Wanted((now - timedelta(days=days - 1)).date(), now.date())
    descriptor, fresh = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # for this account only
    os.close(descriptor)
    try:
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", _README)
            for name, value in parts.items():
                archive.writestr(f"{name}.json", json.dumps(value, indent=2, ensure_ascii=False, default=_plain))
            for one in files(logs, wanted):
                _add_log(archive, one.path)
            told = {one.filename: one.file_size for one in archive.infolist()}
        Path(fresh).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(fresh).unlink()
    return told


def versions() -> dict[str, Any]:
    """Return what this program is made of, and what it runs on."""
    return {
        "smartlink": {one.name: one.version for one in distributions() if one.name == "smartlink"}.get("smartlink"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "packages": dict(sorted((one.name, one.version) for one in distributions())),
    }


def without_secrets(deployment: Deployment) -> dict[str, Any]:
    """Return the installation's settings; of a secret only that there is one."""
    return {name: "(set, not shown)" if isinstance(value, SecretStr) else value for name, value in deployment}


def _add_log(archive: zipfile.ZipFile, path: Path) -> None:
    """Put a log file in line by line; what is no line of ours is left out and counted at the end."""
    left_out = 0
    with archive.open(f"logs/{path.name}", "w", force_zip64=True) as inside:
        for line in lines_of(path):
            clean = _clean(line)
            if clean is None:
                left_out += 1
            else:
                inside.write(clean + b"\n")
        if left_out:
            inside.write(json.dumps({"event": "lines_left_out", "count": left_out}).encode() + b"\n")


def _clean(line: bytes) -> bytes | None:
    """Return the line without fields that name a patient, or None when it is no log line."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    return json.dumps(_without_patient(entry), ensure_ascii=False).encode()


def _without_patient(value: Any) -> Any:  # noqa: ANN401  whatever JSON holds
    if isinstance(value, dict):
        return {name: _without_patient(inner) for name, inner in value.items() if name not in PATIENT_FIELDS}
    return [_without_patient(inner) for inner in value] if isinstance(value, list) else value


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
