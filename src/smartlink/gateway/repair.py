"""`smartlink repair`: a catalogue that is damaged or gone is made anew from the spool, which describes itself.

The damaged one is kept aside. What only it knew (licence, settings, connections, orders) is taken over as far as
it can still be read; the rest is named, with what to do. Uploads begin again and repeat harmlessly: Works knows
what it has. Nobody else may use the data folder meanwhile.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.catalogue import Catalogue
from smartlink.gateway.settling import play_back
from smartlink.gateway.store import counters, deliveries, instances, salvage
from smartlink.gateway.store.database import FILE_NAME, Database, open_in
from smartlink.gateway.store.salvage import Part, Salvaged

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from smartlink.gateway.catalogue import Describe
    from smartlink.gateway.store.database import Transaction
    from smartlink.gateway.store.journal import Journal
    from smartlink.gateway.store.spool import Spool

log = structlog.get_logger()

DAMAGED_FOLDER: Final = "damaged"
_NEW: Final = "smartlink-new.db"
_AT_ONCE: Final = 1000

WHAT_TO_DO: Final = {
    Part.LICENCE: (
        "The licence: activate again with `smartlink activate KEY`."
        " If Works says that the key is in use, regenerate it there."
    ),
    Part.SETTINGS: "The settings: all are at their defaults; set them again with `smartlink settings`.",
    Part.CONNECTIONS: (
        "The connections: they come back from Works at the next synchronisation."
        " Send directly to PACS has to be switched on again where it was on."
    ),
    Part.ORDERS: "Exams on their way from Works to a PACS: send again in Works what does not arrive.",
    Part.COMMITMENTS: "Storage commitments not told yet: ultrasound systems that wait for one must ask again.",
    Part.AUDIT: "The audit list of this gateway: it begins anew; what it held is in the logs of the configuration.",
    Part.FOREIGN: (
        "Which images were received for another facility: if this gateway was moved from one facility to another"
        " and images of the former were not uploaded, ask support before you start the service."
    ),
}
"""What is lost when a part cannot be read, and what a person does about it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found and done."""

    problem: str | None
    """What was wrong with the catalogue; None: it is sound."""
    rebuilt: bool
    kept_aside: Path | None
    taken_over: tuple[Part, ...]
    lost: tuple[Part, ...]
    taken_in: int
    """Images of the spool that the catalogue did not know; after a rebuild all of them."""
    unreadable: int
    incomplete: int
    """Files that were never acknowledged, or that the disk has damaged since: now in the folder of incomplete ones."""
    missing: int
    """Images that Works has no receipt for and whose files are gone."""


def repair(
    folder: Path,
    spool: Spool,
    fetched: Spool,
    journal: Journal,
    describe: Describe,
    now: datetime,
    *,
    rebuild: bool = False,
) -> Report:
    """Bring catalogue and spool of a data folder to agree; make the catalogue anew if it is damaged, or if asked to.

    What was fetched from Works for a PACS is fetched again, so the copies that nobody knows any more are removed.
    Raises StoreFailed or OSError when the disk does not let it; then nothing is lost, and it can be run again.
    """
    problem = salvage.problem_of(folder / FILE_NAME)
    anew = rebuild or problem is not None
    taken_over: list[Part] = []
    kept_aside, read = None, Salvaged({}, frozenset())
    if anew:
        read = salvage.salvage(folder / FILE_NAME)
        taken_over, kept_aside = _replace(folder, read, now)
    with open_in(folder) as database:
        catalogue = Catalogue(database, spool, describe)
        with closing(journal):
            play_back(journal, spool, database)
        if anew:
            _clear(database, fetched)
        known_foreign = _take_in_foreign(database, catalogue, spool, read, now)
        scanned = catalogue.scan(now)
        report = Report(
            problem=problem,
            rebuilt=anew,
            kept_aside=kept_aside,
            taken_over=tuple(taken_over),
            lost=_lost(read, taken_over) if anew else (),
            taken_in=scanned.taken_in + known_foreign,
            unreadable=database.read(counters.instances)["unreadable"],
            incomplete=scanned.set_aside,
            missing=_missing(database, spool),
        )
    log.info("catalogue_repaired", problem=problem, rebuilt=anew, taken_in=report.taken_in, missing=report.missing)
    return report


def _replace(folder: Path, read: Salvaged, now: datetime) -> tuple[list[Part], Path | None]:
    """Put a new catalogue in the place of the old; return what it took over and where the old one is."""
    new = folder / _NEW
    salvage.remove(new)
    with Database(new) as database:
        taken_over = database.write(lambda tx: salvage.put(tx, read))
    kept_aside = None
    if (folder / FILE_NAME).exists():
        kept_aside = folder / DAMAGED_FOLDER / now.strftime("%Y-%m-%dT%H%M%S.%fZ")
        salvage.set_aside(folder, kept_aside)
    salvage.put_in_place(new, folder)
    return taken_over, kept_aside


def _lost(read: Salvaged, taken_over: list[Part]) -> tuple[Part, ...]:
    """Return the parts of which something may be lost: not read, or read and not believed."""
    lost = [part for part in WHAT_TO_DO if part is not Part.FOREIGN and part not in taken_over]
    lost = [part for part in lost if part not in read.parts or any(read.parts[part].values())]
    return tuple(lost) if read.foreign is not None else (*lost, Part.FOREIGN)


def _take_in_foreign(database: Database, catalogue: Catalogue, spool: Spool, read: Salvaged, now: datetime) -> int:
    """Take in what was received for another facility first, and cut it off again: it is never uploaded (R35)."""
    if not read.foreign:
        return 0
    there = [name for name in spool.names() if name in read.foreign]
    taken_in = catalogue.take_in(there, now).taken_in

    def cut_off(tx: Transaction) -> None:
        instances.orphan_all(tx)
        deliveries.orphan_undelivered(tx)

    database.write(cut_off)
    return taken_in


def _clear(database: Database, fetched: Spool) -> None:
    for name in database.read(lambda tx: instances.unknown(tx, list(fetched.names()))):
        fetched.remove(name)


def _missing(database: Database, spool: Spool) -> int:
    missing, after = 0, 0
    while rows := database.read(lambda tx, after=after: instances.owed_after(tx, after, _AT_ONCE)):  # type: ignore[misc]
        missing += sum(not spool.path(name).exists() for _, name in rows)
        after = rows[-1][0]
    return missing
