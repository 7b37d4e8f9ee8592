"""The worklist at a terminal: its age, reading it anew, and picking from it, without a word of the patient."""

from __future__ import annotations

from smartlink.works.terminal import now
from tests.works.exams.stage import Stage, stage
from tests.works.test_cli import Operator, operator
from tests.works.test_cli_exams import Desk, desk
from tests.works.worklist.ward import Ward

__all__ = ["Operator", "desk", "operator", "stage"]


def test_the_worklist_is_listed_refreshed_and_picked_from(desk: Desk, stage: Stage) -> None:
    ward = Ward(stage)
    where = ("--facility", stage.place.facility_id)
    assert desk.said("worklist", "list", *where) == "No worklist server.\n"
    server = ward.server()
    assert "0 steps, read never" in desk.said("worklist", "list", *where)
    # The commands look at the real clock, and the list is read anew at it.

    stage.world.now = now()
    stage.gateway.sign_in()
    ward.put(server, ward.item("MARKER-9", patient_name="Marker^New"))
    (step,) = desk.told("worklist", "list", *where)["steps"]
    assert set(step) == {"id", "connection_id", "start_at", "start_has_time", "modality", "station_ae_title", "guessed"}
    assert "1 steps, read" in desk.said("worklist", "list", *where)
    assert desk.told("worklist", "refresh", *where, "--as", stage.eve) == {"servers": 1, "gateways": 1}
    exam = stage.exam(1)
    done = desk.told("worklist", "pick", exam, step["id"], "--as", stage.bob, "--yes")
    assert {"patient_id", "patient_name", "accession_number"} <= set(done["changed"])
    assert stage.row("exam", exam)["patient_id"] == "MARKER-9"
    assert "no such exam" in desk.said("worklist", "pick", step["id"], step["id"], "--yes", exit_code=1)
