"""System programs that tests talk to: skipped where they are missing, failed there in CI."""

import os
import shutil
from collections.abc import Mapping
from typing import NoReturn

import pytest

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where servers lie; not on an ordinary person's PATH."""


def requires(program: str, environ: Mapping[str, str] = os.environ) -> str:
    """The full path of a system program; without it the test is skipped, or failed where `CI` is set."""
    path = os.pathsep.join([environ.get("PATH", os.defpath), *SBIN])
    found = shutil.which(program, path=path)
    return found if found is not None else missing(program, environ)


def missing(program: str, environ: Mapping[str, str]) -> NoReturn:
    """End the test: a reason to skip on a laptop is a failure in CI, which has to see everything run."""
    reason = f"{program} is not installed; scripts/system-packages installs it"
    if environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
