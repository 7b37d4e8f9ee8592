"""The synthetic exam reports each hop, or the one that is missing, and leaves nothing where it arrived."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import build, toolbox
from smartlink.gateway.errors import Refused
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import connections, deliveries, settings
from smartlink.gateway.store.database import Database, open_in
from smartlink.link import paths
from smartlink.link.problems import ProblemType
from smartlink.link.test_exam import AE_TITLE, UID_ROOT
from smartlink.standard.names import AETitle
from tests.gateway.conftest import START
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks, problem
from tests.gateway.running import eventually, now, started
from tests.gateway.store.examples import a_pacs

PATIENCE = timedelta(seconds=30)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(data=tmp_path / "data", bind="127.0.0.1", drain_seconds=2)


def files(deployment: Deployment) -> list[Path]:
    return [path for path in (deployment.data / "spool").rglob("*") if path.is_file()]


def by_test_ae(database: Database) -> object:
    return database.read(lambda tx: connections.find_by_ae(tx, AETitle(AE_TITLE)))


@pytest.mark.proves("R104")
def test_a_test_exam_arrives_hop_by_hop_and_leaves_nothing(deployment: Deployment, works: FakeWorks) -> None:
    with started(deployment, works) as database:
        a_pacs(database, specialty=works.specialty_id)
        told = toolbox.synthetic_exam(deployment, database, now, 2, PATIENCE).told()
        assert told["arrived"], told
        assert [one["status"] for one in told["sent"]] == ["0000", "0000"]
        for one in told["instances"]:
            times = [one[f"{hop}_at"] for hop in ("kept", "catalogued", "put", "confirmed", "ingested")]
            assert None not in times
            assert one["kept_at"] <= one["catalogued_at"] <= one["put_at"]
        assert told["seconds"]["ingested_at"] > 0
        assert (told["cleaned_up"], told["left"]) == (True, [])
        assert works.ended == [told["study_instance_uid"]]
        assert works.deleted
        assert files(deployment) == []
        assert by_test_ae(database) is None
        rows = database.read(lambda tx: tx.execute("SELECT DISTINCT destination FROM delivery").fetchall())
        assert [row["destination"] for row in rows] == [deliveries.WORKS]


@pytest.mark.proves("R104")
def test_the_hop_that_is_missing_is_named_and_the_exam_is_kept(deployment: Deployment, works: FakeWorks) -> None:
    with started(deployment, works) as database:
        works.disturb(paths.UPLOADS_OFFER, PROXY_PAGE, times=-1)
        told = toolbox.synthetic_exam(deployment, database, now, 1, timedelta(seconds=1)).told()
        assert not told["arrived"]
        assert "Works does not have the whole exam" in told["problem"]
        assert "Image 1" in told["remedy"]
        assert told["seconds"]["put_at"] is None
        assert len(files(deployment)) == 1
        assert works.ended == []


def test_a_door_that_turns_it_away_is_named_with_what_to_do(deployment: Deployment, works: FakeWorks) -> None:
    with started(deployment, works) as database:
        database.write(lambda tx: settings.put(tx, {"allowed_ae_titles": ["US01"]}, START))

        def turned_away() -> bool:
            told = toolbox.synthetic_exam(deployment, database, now, 1, timedelta(seconds=1)).told()
            return "alling AE title" in str(told["problem"])

        eventually(turned_away)


def test_without_a_licence_it_is_refused_and_without_a_service_too(deployment: Deployment, works: FakeWorks) -> None:
    with open_in(deployment.data) as database, capture_logs():
        with pytest.raises(Refused, match="no license"):
            toolbox.synthetic_exam(deployment, database, now, 1, PATIENCE)
        with build.activator(deployment, database, now) as activator:
            activator.activate(works.key, works.url, now())
        with pytest.raises(Refused, match="Start the service"):
            toolbox.synthetic_exam(deployment, database, now, 1, PATIENCE)


def test_what_cannot_be_cleaned_up_is_said_and_no_direct_way_to_a_pacs_is_taken(
    deployment: Deployment, works: FakeWorks
) -> None:
    with started(deployment, works) as database:
        a_pacs(database, specialty=works.specialty_id)
        works.disturb(paths.SYNTHETIC_ENDED, problem(ProblemType.UNAVAILABLE, "Later."), times=-1)
        first = toolbox.synthetic_exam(deployment, database, now, 1, PATIENCE).told()
        assert (first["arrived"], first["cleaned_up"]) == (True, False)
        assert "Works removes test exams after a day" in first["left"][0]
        database.write(lambda tx: tx.execute("UPDATE connection SET send_directly = 1 WHERE kind = 'ultrasound'"))
        told = toolbox.synthetic_exam(deployment, database, now, 1, PATIENCE).told()
        assert told["study_instance_uid"].startswith(UID_ROOT)
        rows = database.read(lambda tx: tx.execute("SELECT DISTINCT destination FROM delivery").fetchall())
        assert [row["destination"] for row in rows] == [deliveries.WORKS]
