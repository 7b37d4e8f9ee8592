"""What only we are measured by: a full catalogue, uploads meanwhile, a gigabyte's memory, the time of a header."""

from __future__ import annotations

import sqlite3
import statistics
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bench.measure import Task, receiving
from bench.senders import Ourselves
from bench.sets import GIANT, STILL, written
from smartlink.gateway.dicom.header import attributes
from smartlink.gateway.dicom.storage_scu import outgoing

if TYPE_CHECKING:
    from pathlib import Path

    from bench.receivers import SmartLink
    from smartlink.demo.stage import Stage

BACKLOG: Final = 300_000
_SOME_ROWS: Final = """
    INSERT INTO instance (spool_name, sop_class_uid, sop_instance_uid, transfer_syntax_uid, study_instance_uid,
        series_instance_uid, calling_ae_title, called_ae_title, peer_address, dataset_offset, dataset_length, crc32,
        attributes, kept_at, state)
    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
    SELECT lower(hex(randomblob(16))), '1.2.840.10008.5.1.4.1.1.6.1', '1.2.3.' || n, '1.2.840.10008.1.2.4.50',
        '1.2.3.4.' || (n / 40), '1.2.3.5.' || (n / 40), 'US01', 'SMARTLINKRCVR', '127.0.0.1', 700, 300000, n,
        hex(randomblob(400)), '2026-03-02T09:30:00.000000Z', 'kept' FROM number
"""
_THEIR_DELIVERIES: Final = """
    INSERT INTO delivery (instance_id, destination, state, next_attempt_at, created_at, changed_at)
    SELECT id, 'works', 'waiting', kept_at, kept_at, kept_at FROM instance
"""


def measured(ours: SmartLink, scene: Stage, where: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Return the figures; `scene` is where Works can be started again."""
    us = Ourselves()
    try:
        return {
            f"{BACKLOG:,} in the catalogue: × an empty one": _full_catalogue(ours, us, where, folder),
            "while uploads run: × without": _uploading(ours, scene, us, where, folder),
            "1 GB image: memory grown, MiB": _giant(ours, us, where, folder),
            "header, microseconds": _header(folder),
        }
    finally:
        us.close()


def _full_catalogue(ours: SmartLink, us: Ourselves, where: Path, folder: Path) -> dict[str, float]:
    full = folder / "full"
    full.mkdir()
    for path in ours.template.iterdir():
        if path.is_file():
            (full / path.name).write_bytes(path.read_bytes())
    with closing(sqlite3.connect(next(full.glob("*.sqlite*")))) as database, database:
        database.execute(_SOME_ROWS, {"count": BACKLOG})
        database.execute(_THEIR_DELIVERIES)
    task = Task(us, written(folder / "sets" / "backlog", STILL, 1000))
    receivers = [ours, replace(ours, template=full, name="full")]
    return receiving(receivers, [task], {}, 5, where).ratio(task.name, "full", ours.name)


def _uploading(ours: SmartLink, scene: Stage, us: Ourselves, where: Path, folder: Path) -> dict[str, float]:
    task = Task(us, written(folder / "sets" / "uploading", STILL, 1000))
    quiet = receiving([ours], [task], {}, 3, where).taken[task.name, ours.name]
    scene.start_works()
    try:
        busy = receiving([ours], [task], {}, 3, where).taken[task.name, ours.name]
    finally:
        scene.works.stop()
    ratio = statistics.median(one.seconds for one in quiet) / statistics.median(one.seconds for one in busy)
    return {"median": float(f"{ratio:.3g}")}


def _giant(ours: SmartLink, us: Ourselves, where: Path, folder: Path) -> dict[str, float]:
    task = Task(us, written(folder / "sets" / "giant", GIANT, 1))
    table = receiving([ours], [task], {}, 1, where)
    return {"highest": table.as_json()[0]["memory_grown_mib"]}


def _header(folder: Path) -> dict[str, float]:
    item = outgoing(1, written(folder / "sets" / "header", STILL, 1).files[0])
    taken = []
    with item.path.open("rb", buffering=0) as file:
        for _ in range(2000):
            file.seek(item.dataset_offset)
            began = time.perf_counter()
            attributes(file, item.transfer_syntax_uid)
            taken.append(time.perf_counter() - began)
    return {"median": float(f"{statistics.median(taken) * 1e6:.3g}")}
