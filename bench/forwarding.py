"""Sending to a PACS, side by side with DCMTK's senders and Orthanc's own forwarding, into the same sinks."""

from __future__ import annotations

import json
import shutil
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.receivers import CALLED, NO_STALL, Orthanc, Receiver, Running, Storescp, fresh
from bench.senders import Dcmsend, Ourselves, Storescu
from smartlink.demo.programs import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

    from bench.sets import Load

SINK = "SINK"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to send a set to a sink."""

    name: str
    send: Callable[[Running], None]


def measured(load: Load, within: Path, rounds: int, *, quick: bool) -> dict[str, dict[str, float]]:
    """Return how many times faster we send than each peer, as shipped and without the stall."""
    found: dict[str, dict[str, float]] = {}
    for setting, environment in (("as shipped", {}), ("no stall", NO_STALL)):
        some = load if setting == "no stall" else _few(load)
        sinks: list[Receiver] = [Storescp()]
        if shutil.which("Orthanc") and not quick:
            sinks.append(Orthanc())
        for sink in sinks:
            found |= _into(sink, some, within, rounds, setting, environment, quick=quick)
    return found


def _few(load: Load) -> Load:
    """Return a small part of a set, for peers that take 40 ms an image."""
    folder = load.folder.parent / f"{load.folder.name}-few"
    if not folder.exists():
        folder.mkdir()
        for path in load.files[:30]:
            (folder / path.name).hardlink_to(path)
    return type(load)(load.kind, folder, tuple(sorted(folder.iterdir())))


def _into(
    sink: Receiver,
    load: Load,
    within: Path,
    rounds: int,
    setting: str,
    environment: dict[str, str],
    *,
    quick: bool,
) -> dict[str, dict[str, float]]:
    taken: dict[str, list[float]] = {}
    with ExitStack() as stack:
        us = Ourselves()
        stack.callback(us.close)
        storescu, dcmsend = Storescu(environment), Dcmsend(environment)
        ways = [
            Way("ours", lambda to: us.send(to, load)),
            Way("storescu", lambda to: storescu.send(to, load)),
            Way("dcmsend", lambda to: dcmsend.send(to, load)),
        ]
        if not quick and shutil.which("Orthanc"):
            ways.append(stack.enter_context(_orthanc(within, load, environment)))
        for turn in range(rounds):
            first = turn % len(ways)
            for way in (*ways[first:], *ways[:first]):
                with fresh(sink, within, environment) as running:
                    began = time.perf_counter()
                    way.send(running)
                    taken.setdefault(way.name, []).append(time.perf_counter() - began)
    return {
        f"{setting}: {load.kind.name} into {sink.name}: × {way}": _ratio(taken["ours"], seconds)
        for way, seconds in taken.items()
        if way != "ours"
    }


@contextmanager
def _orthanc(within: Path, load: Load, environment: dict[str, str]) -> Iterator[Way]:
    """Orthanc holding the set, as a way to send it on; it learns for each run where the sink is."""
    orthanc = Orthanc("Orthanc's own forwarding")
    (within / "source").mkdir()
    try:
        with fresh(orthanc, within / "source", environment) as running:
            Storescu(NO_STALL).send(running, load)
            http = int((within / "source" / "store" / "http").read_text(encoding="utf-8"))

            def forward(to: Running) -> None:
                _ask(http, "PUT", f"/modalities/{SINK}", {"AET": CALLED, "Host": LOOPBACK, "Port": to.port})
                studies = _ask(http, "GET", "/studies", None)
                _ask(http, "POST", f"/modalities/{SINK}/store", {"Resources": studies, "Synchronous": True})

            yield Way(orthanc.name, forward)
    finally:
        shutil.rmtree(within / "source")


def _ask(port: int, method: str, path: str, body: object) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{LOOPBACK}:{port}{path}", data, method=method)
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - loopback
        content = answer.read()
    return json.loads(content) if content else None


def _ratio(ours: list[float], theirs: list[float]) -> dict[str, float]:
    ratios = [peer / own for own, peer in zip(ours, theirs, strict=True)]
    return {name: float(f"{f(ratios):.3g}") for name, f in (("median", statistics.median), ("low", min), ("high", max))}
