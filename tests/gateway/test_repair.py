"""Whatever happens to the catalogue: `smartlink repair` finds every image again, and says what it cannot find."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import build
from smartlink.gateway.catalogue import Catalogue, Description, Unreadable
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import CatalogueDamaged, Refused
from smartlink.gateway.messages import Message
from smartlink.gateway.repair import Report, repair
from smartlink.gateway.settings import Deployment
from smartlink.gateway.status import status_of
from smartlink.gateway.store import connections, counters, deliveries, instances, licences, settings
from smartlink.gateway.store.database import FILE_NAME, Database, RunLock, open_in
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.store.journal import Journal
from smartlink.gateway.store.salvage import Part
from smartlink.gateway.store.spool import Kept, Spool
from tests.gateway.conftest import START, Command, Keep
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks
from tests.gateway.store.examples import a_pacs
from tests.gateway.store.test_licences import an_activation
from tests.gateway.store.test_salvage import PAGE, pages_of, spoil
from tests.gateway.test_build import an_image, encoded, eventually, now

KEPT, SENDING, SENT, UNREADABLE = "1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4"


def describe(kept: Kept) -> Description:
    if kept.sop_instance_uid == UNREADABLE:
        raise Unreadable("The header ends too early.")
    return Description(kept.sop_class_uid, kept.sop_instance_uid, "1.2.4", "1.2.5", {"00080060": {"vr": "CS"}})


@pytest.fixture
def folder(tmp_path: Path, spool: Spool, keep: Keep) -> Path:
    """A data folder with images in every state, one of them too new for the catalogue; nobody has it open."""
    data = tmp_path / "data"
    with open_in(data) as database, capture_logs():
        database.write(licences.ensure)
        database.write(lambda tx: licences.activate(tx, an_activation()))
        database.write(lambda tx: settings.put(tx, {"port": 11112}, START))
        a_pacs(database)
        Catalogue(database, spool, describe).record([keep(uid) for uid in (KEPT, SENDING, SENT, UNREADABLE)], START)
        (scanner,) = [one for one in database.read(connections.live) if one.ae_title == "US01"]
        database.write(lambda tx: connections.acknowledged(tx, scanner, scanner.id, 1))
        database.write(lambda tx: deliveries.release_held(tx, scanner.id, START, 100))
    keep("1.2.3.5")
    return data


def remove_all(folder: Path) -> None:
    for path in folder.glob(FILE_NAME + "*"):
        path.unlink()


def empty(folder: Path) -> None:
    (folder / FILE_NAME).write_bytes(b"")


def cut(folder: Path) -> None:
    path = folder / FILE_NAME
    path.write_bytes(path.read_bytes()[: 9 * PAGE + 77])


def spoil_all(folder: Path) -> None:
    path = folder / FILE_NAME
    path.write_bytes(Random(5).randbytes(path.stat().st_size))


def spoil_the_images(folder: Path) -> None:
    path = folder / FILE_NAME
    spoil(path, *pages_of(path, "instance"), *pages_of(path, "delivery"))


def spoil_some(seed: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / FILE_NAME
        pages = range(2, path.stat().st_size // PAGE + 1)
        spoil(path, *Random(seed).sample(pages, len(pages) // 3), seed=seed)

    return damage


def leave_a_torn_journal(folder: Path) -> None:
    (folder / (FILE_NAME + "-wal")).write_bytes(Random(7).randbytes(50_000))
    spoil_the_images(folder)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "deleted": remove_all,
    "emptied": empty,
    "truncated": cut,
    "random bytes everywhere": spoil_all,
    "random bytes over the images": spoil_the_images,
    "random bytes over a third of the pages": spoil_some(1),
    "over another third": spoil_some(2),
    "over a third third": spoil_some(3),
    "a torn journal": leave_a_torn_journal,
}


@pytest.mark.proves("R151")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_every_image_is_found_again(folder: Path, spool: Spool, damage: Callable[[Path], None]) -> None:
    damage(folder)
    left = (folder / FILE_NAME).read_bytes() if (folder / FILE_NAME).exists() else None
    report = repaired(folder, spool)
    assert report.rebuilt
    assert (report.taken_in, report.unreadable, report.incomplete, report.missing) == (5, 1, 0, 0)
    with open_in(folder) as database:
        assert names(database) == set(spool.names())
        counts = database.read(lambda tx: counters.deliveries(tx, WORKS))
        assert counts[State.HELD] + counts[State.WAITING] == 4, "each is to be offered again"
        assert len(database.read(lambda tx: instances.unreadable(tx, 10))) == 1
    if left is None:
        assert report.kept_aside is None
    else:
        assert report.kept_aside is not None
        assert (report.kept_aside / FILE_NAME).read_bytes()[:PAGE] == left[:PAGE], "it is kept as it was"
    assert not repaired(folder, spool).rebuilt, "and now it is sound"


def repaired(folder: Path, spool: Spool, *, rebuild: bool = False) -> Report:
    with capture_logs():
        return repair(
            folder, spool, Spool(folder / "fetched"), Journal(folder / "journal"), describe, START, rebuild=rebuild
        )


def names(database: Database) -> set[str]:
    return {name for _, name in database.read(lambda tx: instances.owed_after(tx, 0, 100))}


def test_what_was_in_a_lost_journal_is_found_again(tmp_path: Path, spool: Spool, keep: Keep) -> None:
    data = tmp_path / "data"
    with open_in(data) as database:
        database.write(licences.ensure)
    with open_in(data) as database, capture_logs():
        Catalogue(database, spool, describe).record([keep(KEPT), keep(SENT)], START)
        before_the_journal = (data / FILE_NAME).read_bytes()
    (data / FILE_NAME).write_bytes(before_the_journal)
    report = repaired(data, spool)
    assert (report.problem, report.taken_in, report.missing) == (None, 2, 0)
    with open_in(data) as database:
        assert names(database) == set(spool.names())


def test_where_only_the_images_were_hit_nothing_has_to_be_entered_again(folder: Path, spool: Spool) -> None:
    spoil_the_images(folder)
    report = repaired(folder, spool)
    assert report.taken_over == (Part.LICENCE, Part.SETTINGS, Part.CONNECTIONS, Part.AUDIT)
    assert report.lost == (Part.FOREIGN,)
    with open_in(folder) as database:
        assert database.write(licences.ensure).is_active
        assert database.read(settings.all_values) == {"port": 11112}
        assert {str(one.ae_title) for one in database.read(connections.live)} == {"ARCHIVE", "US01"}
        assert database.read(lambda tx: counters.deliveries(tx, WORKS))[State.WAITING] == 4


def test_what_is_lost_with_the_catalogue_is_named(folder: Path, spool: Spool) -> None:
    remove_all(folder)
    report = repaired(folder, spool)
    assert (report.taken_over, set(report.lost)) == ((), set(Part))


def test_a_sound_catalogue_stays_and_learns_of_new_files(folder: Path, spool: Spool) -> None:
    report = repaired(folder, spool)
    assert (report.problem, report.rebuilt, report.taken_in, report.kept_aside) == (None, False, 1, None)


def test_a_sound_catalogue_is_made_anew_when_asked(folder: Path, spool: Spool) -> None:
    report = repaired(folder, spool, rebuild=True)
    assert (report.problem, report.rebuilt, report.taken_in, report.lost) == (None, True, 5, ())


def test_a_repair_that_was_cut_short_can_be_run_again(folder: Path, spool: Spool) -> None:
    spoil_the_images(folder)
    (folder / "smartlink-new.db").write_bytes(b"half of it")
    assert repaired(folder, spool).taken_in == 5
    assert not list(folder.glob("smartlink-new*"))


@pytest.mark.proves("R35")
def test_images_of_a_former_facility_stay_cut_off(folder: Path, spool: Spool) -> None:
    with open_in(folder) as database:
        database.write(instances.orphan_all)
    report = repaired(folder, spool, rebuild=True)
    assert (report.taken_in, report.lost) == (5, ())
    with open_in(folder) as database:
        owned = {
            one.sop_instance_uid: one.connection_id is not None
            for number in range(1, 6)
            if (one := database.read(lambda tx, number=number: instances.find(tx, number))) is not None  # type: ignore[misc]
        }
    assert owned == {KEPT: False, SENDING: False, SENT: False, UNREADABLE: False, "1.2.3.5": True}


def test_what_was_fetched_for_a_pacs_is_fetched_again(folder: Path, spool: Spool) -> None:
    copy = folder / "fetched" / "aa" / ("0" * 30)
    repaired(folder, spool)
    copy.write_bytes(b"Works has it")
    repaired(folder, spool)
    assert copy.exists()
    repaired(folder, spool, rebuild=True)
    assert not copy.exists()


def test_an_image_without_its_file_is_told_and_one_with_a_receipt_is_not(folder: Path, spool: Spool) -> None:
    with open_in(folder) as database:
        ids = dict(database.read(lambda tx: instances.owed_after(tx, 0, 100)))
        database.write(lambda tx: instances.receipt(tx, 1, START))
    spool.remove(ids[1])
    assert repaired(folder, spool).missing == 0
    spool.remove(ids[2])
    assert repaired(folder, spool).missing == 1


def test_a_damaged_file_of_the_spool_is_set_aside(folder: Path, spool: Spool) -> None:
    remove_all(folder)
    name = next(iter(spool.names()))
    with spool.path(name).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"X")
    report = repaired(folder, spool)
    assert (report.taken_in, report.incomplete) == (4, 1)
    assert len(list((folder / "incomplete").iterdir())) == 1


# With the service, and as a command


@contextmanager
def service(deployment: Deployment) -> Iterator[Database]:
    """The service as it runs, and the catalogue as the command line sees it."""
    with capture_logs():
        running = build.service(deployment, now)
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            with open_in(deployment.data) as database:
                yield database
        finally:
            running.stop()
            thread.join(60)


def sent(database: Database, count: int) -> Callable[[], bool]:
    return lambda: database.read(lambda tx: counters.deliveries(tx, WORKS))[State.SENT] == count


@pytest.mark.proves("R151", "R152")
@pytest.mark.parametrize("damage", [spoil_the_images, remove_all], ids=["damaged", "deleted"])
def test_uploads_go_on_after_a_repair_and_repeat_nothing(
    tmp_path: Path, keep: Keep, works: FakeWorks, damage: Callable[[Path], None]
) -> None:
    deployment = Deployment(data=tmp_path / "data", bind="127.0.0.1", drain_seconds=2)
    with open_in(deployment.data) as database:
        database.write(lambda tx: settings.put(tx, {"port": 0, "disk_reserve_bytes": 0}, START))
        activate(deployment, database, works)
    keep(KEPT, data=encoded(an_image(KEPT)))
    keep(SENT, data=encoded(an_image(SENT)))
    with service(deployment) as database:
        eventually(sent(database, 2))
    keep(SENDING, data=encoded(an_image(SENDING)))
    works.disturb("uploads/confirm", PROXY_PAGE, times=0)
    with service(deployment) as database:
        eventually(lambda: len(works.objects) == 3)
    works.calm()
    assert len(works.stored_data_sets()) == 2, "the third is there, and nobody confirmed it"
    puts = works.puts
    keep("1.2.3.5", data=encoded(an_image("1.2.3.5")))
    keep(UNREADABLE, data=b"no Data Set")
    damage(deployment.data)
    if damage is not remove_all:
        with pytest.raises(CatalogueDamaged, match="run `smartlink repair`"):
            run_once(deployment)
    with capture_logs():
        report = build.repair(deployment, now)
    assert (report.taken_in, report.unreadable) == (5, 1)
    with service(deployment) as database:
        if damage is remove_all:
            assert Part.LICENCE in report.lost
            database.write(lambda tx: settings.put(tx, {"port": 0}, START))
            activate(deployment, database, works)
        eventually(sent(database, 4))
        assert status_of(database, deployment.data, now())["instances"]["unreadable"] == 1
    assert works.puts <= puts + 2, "what Works had was not put again; the unconfirmed one at most once"
    assert len(works.objects) == len(works.stored_data_sets()) == len(set(works.stored_data_sets())) == 4


def activate(deployment: Deployment, database: Database, works: FakeWorks) -> None:
    with capture_logs(), build.activator(deployment, database, now) as activator:
        activator.activate(works.key, works.url, now())


def run_once(deployment: Deployment) -> None:
    """Start the service; raise what a person would be told."""
    started = build.service(deployment, now)
    assert started.run() == 1
    assert started.trouble is not None
    raise CatalogueDamaged(started.trouble)


@pytest.mark.parametrize("damage", [spoil_all, spoil_the_images, cut], ids=["everything", "the images", "truncated"])
def test_the_service_names_the_remedy_and_touches_nothing(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(CatalogueDamaged, match="smartlink repair") as told:
        build.service(Deployment(data=folder), now)
    with capture_logs() as lines:
        build.log_not_started(told.value)
    assert (lines[0]["message"], lines[0]["log_level"]) == (Message.NOT_STORED_LOCALLY.text, "critical")
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != files.get(path)} <= {folder / "run.lock"}


def test_it_is_refused_while_the_service_runs(folder: Path, command: Command) -> None:
    before = (folder / FILE_NAME).read_bytes()
    lock = RunLock(folder / "run.lock")
    with pytest.raises(Refused, match="Stop it"):
        build.repair(Deployment(data=folder), now)
    assert "Stop it" in command("repair", "--rebuild", code=1)["error"]
    lock.release()
    assert (folder / FILE_NAME).read_bytes() == before


def test_a_data_folder_that_is_not_there_is_not_made(command: Command, tmp_path: Path) -> None:
    assert "There is no data folder" in command("repair", code=1)["error"]
    assert not (tmp_path / "data").exists()


def test_the_command_answers_programs_and_people(
    folder: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    from smartlink.gateway.cli import app  # noqa: PLC0415  a test of its imports starts without them

    told = command("repair")
    assert (told["problem"], told["rebuilt"], told["lost"]) == (None, False, {})
    spoil_all(folder)
    with pytest.raises(SystemExit) as end:
        app(["repair", "--data", str(folder)])
    assert not end.value.code
    words = capsys.readouterr().out
    assert "The catalogue was damaged" in words
    assert "5 images" in words
    assert "smartlink activate KEY" in words
    assert str(folder / "damaged") in words
    for path in (folder / "spool").glob("*/*"):
        path.unlink()
    assert command("repair", code=1)["missing"] == 5
