"""Descriptors run out at a number that can be known before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from smartlink.gateway.platform import descriptors

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no descriptors")

RAISED = """
import resource
from smartlink.gateway.platform import descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))
assert not descriptors.scarce(47)
assert descriptors.scarce(48)
descriptors.raise_limit()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (256, 256)
assert not descriptors.scarce(191)
assert descriptors.scarce(192)
"""


def test_the_limit_is_raised_and_its_end_is_seen_in_time() -> None:
    subprocess.run([sys.executable, "-c", RAISED], check=True)


def test_an_ordinary_descriptor_is_not_scarce() -> None:
    assert not descriptors.scarce(3)


def test_limit_and_use_of_a_process_are_told_and_of_none_nothing() -> None:
    limit, used = descriptors.limit_of(os.getpid())
    assert limit is not None
    assert used is not None
    assert 0 < used < limit
    assert descriptors.limit_of(2**22 + 5) == (None, None)
