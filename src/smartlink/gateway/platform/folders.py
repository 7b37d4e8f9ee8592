"""Where a program of this kind keeps its data, on Linux and Windows."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def default_data_folder() -> Path:
    """Return the data folder of an installation whose administrator named none; it need not exist."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "SmartLink"
    if os.geteuid() == 0:
        return Path("/var/lib/smartlink")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "smartlink"
