"""Measure against the peers: python -m bench [--quick] [--rounds N] [--folder DIR].

Believe the ratios, not the figures. Every peer that is missing is left out and said.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import forwarding, inside, network, picture
from bench.measure import Task, receiving
from bench.receivers import NO_STALL, Orthanc, Pynetdicom, SmartLink, Storescp, activated, flushing_shim
from bench.senders import Ourselves, Storescu
from bench.sets import CINE, SLICE, STILL, Load, written
from bench.volume import volume

if TYPE_CHECKING:
    from bench.measure import Table
    from bench.receivers import Receiver

RESULTS: Final = Path(__file__).parent / "results"
OURS: Final = SmartLink(Path()).name
GIBIBYTES: Final = 8
GIBIBYTES_QUICK: Final = 2


def main() -> None:
    """Measure, print, and write down."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="the core of it in a minute, as one line of JSON")
    options.add_argument("--rounds", type=int, help="how often each set is sent to each receiver")
    options.add_argument("--folder", type=Path, help="where to write instead of a loop image")
    chosen = options.parse_args()
    began = datetime.now(UTC)
    with (
        volume(chosen.folder, GIBIBYTES_QUICK if chosen.quick else GIBIBYTES) as where,
        tempfile.TemporaryDirectory() as folder,
    ):
        bench = Bench(
            where.folder, Path(folder), quick=chosen.quick, rounds=chosen.rounds or (2 if chosen.quick else 5)
        )
        told = {"date": f"{began:%Y-%m-%d %H:%M} UTC", "volume": where.what, "machine": machine(), **bench.run()}
    if chosen.quick:
        print(json.dumps(told["ratios"]))
        return
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{began:%Y-%m-%d}.json"
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".svg").write_text(picture.drawn(told), encoding="utf-8")
    print(json.dumps(told, indent=1))


def machine() -> str:
    """What it ran on."""
    import psutil  # noqa: PLC0415 - once

    return f"{psutil.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


class Bench:
    """One run of everything, or of its core."""

    def __init__(self, where: Path, folder: Path, *, quick: bool, rounds: int) -> None:
        """Take the volume to be measured and a folder for what is only read."""
        self._where = where
        self._folder = folder
        self._quick = quick
        self._rounds = rounds
        self._shipped = 40 if quick else 200
        """Images that a peer as shipped gets: each costs it 50 to 90 ms."""
        self._scene = activated(folder / "template")
        self._ours = SmartLink(self._scene.folder / "gateway")
        shim = flushing_shim(folder)
        self._flushing = [] if shim is None else [Storescp(shim)]
        self._orthanc: list[Receiver] = [Orthanc()] if shutil.which("Orthanc") else []
        self.ratios: dict[str, dict[str, float]] = {}
        self.rows: list[dict[str, Any]] = []

    def run(self) -> dict[str, Any]:
        """Everything, in the order of the report."""
        one, four = Ourselves(1), Ourselves(4)
        self._first = Task(one, self._set("first", kind=STILL, count=50))
        try:
            self._as_shipped()
            if network.possible() and not self._quick:
                self._over_a_cable()
            self._without_stall(one, four)
            self._sending()
        finally:
            one.close()
            four.close()
        extra = {} if self._quick else inside.measured(self._ours, self._scene, self._where, self._folder)
        return {"ratios": self.ratios | extra, "rows": self.rows}

    def _set(self, name: str, *, kind: Any, count: int) -> Load:  # noqa: ANN401 - Kind
        return written(
            self._folder / "sets" / name, kind, count if not self._quick or count <= 50 else max(count // 5, 40)
        )

    def _as_shipped(self) -> None:
        sender = Storescu({})
        tasks = [
            Task(sender, self._set("shipped-still", kind=STILL, count=self._shipped)),
            Task(sender, self._set("shipped-slice", kind=SLICE, count=self._shipped)),
        ]
        others: list[Receiver] = [Storescp(), *self._orthanc, *([] if self._quick else [Pynetdicom()])]
        self._note("as shipped", self._receiving(others, tasks, {}, 1 if self._quick else self._rounds), others)

    def _over_a_cable(self) -> None:
        with network.cable() as cable:
            tasks = [Task(Storescu({}, within=cable.within), self._set("cable-still", kind=STILL, count=200))]
            others: list[Receiver] = [Storescp(host=cable.address)]
            if self._orthanc:
                others.append(Orthanc(host=cable.address))
            ours = replace(self._ours, host=cable.address)
            table = receiving([ours, *others], tasks, {}, self._rounds, self._where, self._first)
            self._note("as shipped, MTU 1500", table, others)

    def _without_stall(self, one: Ourselves, four: Ourselves) -> None:
        tasks = [
            Task(one, self._set("still-1", kind=STILL, count=1000)),
            Task(four, self._set("still-4", kind=STILL, count=1000)),
            Task(one, self._set("slice-1", kind=SLICE, count=2000)),
            Task(four, self._set("slice-4", kind=SLICE, count=2000)),
            Task(one, self._set("cine-1", kind=CINE, count=10 if not self._quick else 4)),
        ]
        if not self._quick:
            tasks.append(Task(Storescu(NO_STALL), self._set("still-dcmtk", kind=STILL, count=1000)))
            tasks.append(Task(Storescu(NO_STALL), self._set("slice-dcmtk", kind=SLICE, count=2000)))
        others: list[Receiver] = [*self._flushing, *self._orthanc]
        if not self._quick:
            others += [Storescp(), Pynetdicom()]
        self._note("no stall", self._receiving(others, tasks, NO_STALL, self._rounds), others)

    def _sending(self) -> None:
        for kind, count in ((STILL, 500), (SLICE, 1000)) if not self._quick else ((STILL, 500),):
            load = self._set(f"out-{kind.name}", kind=kind, count=count)
            self.ratios |= forwarding.measured(load, self._where, self._rounds, quick=self._quick)

    def _receiving(self, others: list[Receiver], tasks: list[Task], environment: dict[str, str], rounds: int) -> Table:
        return receiving([self._ours, *others], tasks, environment, rounds, self._where, self._first)

    def _note(self, setting: str, table: Table, others: list[Receiver]) -> None:
        self.rows += [{"setting": setting, **row} for row in table.as_json()]
        for task in table.counts:
            for peer in others:
                self.ratios[f"{setting}: {task}: × {peer.name}"] = table.ratio(task, OURS, peer.name)
        grown = max(row["memory_grown_mib"] for row in table.as_json() if row["receiver"] == OURS)
        self.ratios[f"{setting}: memory grown, MiB"] = {"highest": grown}


if __name__ == "__main__":
    main()
