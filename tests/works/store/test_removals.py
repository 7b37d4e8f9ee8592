"""An object that somebody is about to need is not removed: whoever offers it waits, and is seen."""

from __future__ import annotations

import threading

from smartlink.works.store import removals, uploads
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_an_object_is_removed_only_when_no_row_names_it(stage: Stage) -> None:
    stage.exam(1)
    (row,) = stage.world.rows(stage.place, "SELECT object_key FROM instance")
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert not removals.lock_object(site, row["object_key"])
        assert removals.lock_object(site, "objects/nobody")
        for name in ("b", "a", "b"):
            removals.list_object(site, name)
        assert removals.listed(site, 9) == ["a", "b"]
        removals.unlist(site, "a")
        assert removals.listed(site, 9) == ["b"]


def test_who_offers_an_object_that_is_being_removed_waits_until_it_is(stage: Stage) -> None:
    stage.exam(1)
    access, place = stage.world.access, stage.organisation_id
    with access.organisation(place) as site:
        upload = uploads.get(site, site.value("SELECT id FROM upload"))
    assert upload is not None
    offered = threading.Event()

    def offer() -> None:
        with access.organisation(place) as site:
            site.run(uploads.SHARE_OBJECT, name=f"{place} {upload.object_key}")
            offered.set()

    with access.organisation(place) as site:
        removals.lock_object(site, upload.object_key)
        thread = threading.Thread(target=offer)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        for _ in range(1000):
            if site.value(waiting):
                break
            threading.Event().wait(0.01)
        assert not offered.is_set()
    thread.join(30)
    assert offered.is_set()
