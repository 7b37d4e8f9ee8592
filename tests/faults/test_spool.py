"""A file cut short in the spool is no image: it is set aside and told, never taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import wait_for
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.world import Gateway

pytestmark = pytest.mark.faults

CUTS = {"empty": 0, "in the mark": 5, "in the preamble": 100, "in the File Meta": 300, "one byte short": -1}


@pytest.mark.proves("R151")
def test_files_cut_short_go_to_incomplete_and_are_reported_and_a_whole_one_is_taken_in(
    own_gateway: Gateway, uid: Callable[[], str]
) -> None:
    gateway, study = own_gateway, uid()
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study)) == 0
    gateway.arrived(study, 1)
    gateway.stage.gateway.stop()
    (whole,) = gateway.spool_files()
    short = [_beside(whole, number, cut) for number, cut in enumerate(CUTS.values())]
    gateway.stage.start_gateway()
    wait_for(lambda: not any(path.exists() for path in short), 30, "the files are out of the spool")
    set_aside = [path for path in (gateway.data / "incomplete").rglob("*") if path.is_file()]
    assert len(set_aside) == len(CUTS)
    assert gateway.spool_files() == [whole]
    wait_for(lambda: len(gateway.logged("incomplete_file_set_aside")) == len(CUTS), 10, "the log tells of each")
    gateway.stage.open_dicom_port()
    wait_for(gateway.nothing_is_waiting, 20, "nothing of it is sent")
    assert gateway.queue()["total"] == 1
    assert len(gateway.journey(study).stops) == 1


def _beside(whole: Path, number: int, cut: int) -> Path:
    """The first bytes of a file, under a name of its own."""
    short = whole.with_name(f"{number}" * len(whole.name))
    short.write_bytes(whole.read_bytes()[:cut])
    return short
