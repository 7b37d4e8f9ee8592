"""The worklist of an exam: read anew, picked from, reviewed and confirmed."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from smartlink.link.worklist import WorklistItem
from smartlink.works.exams import correction
from smartlink.works.exams.correction import Values
from smartlink.works.exams.rights import Actor
from smartlink.works.store import worklists
from smartlink.works.store.worklists import WorklistRow
from smartlink.works.worklist.lists import new_items
from tests.works.web.town import Browser, Town


def server(town: Town, *items: WorklistItem, name: str = "Hospital", **fields: Any) -> uuid.UUID:
    """A worklist server of Lakeside's Cardiology, and its list."""
    made = uuid.uuid4()
    with town.access.organisation(town.organisation_id) as site:
        site.run(
            "INSERT INTO connection (id, organisation_id, facility_id, gateway_id, kind, name, ae_title, ae_norm, host,"
            " port, specialty_ids, status, version, updated_at) VALUES (:id, :organisation, :facility, :gateway,"
            " 'worklist', :name, :name, lower(:name), '192.0.2.9', 104, :specialties, 'active', 1, :now)",
            id=made,
            organisation=town.organisation_id,
            facility=town.lakeside.facility_id,
            gateway=town.gateway_id,
            name=name,
            specialties=[town.lakeside.specialty_id],
            now=town.now,
        )
        known: dict[str, Any] = {"fetched_at": town.now, "failing_since": None, "problem": None, "truncated": False}
        worklists.put(
            site, WorklistRow(connection_id=made, checked_at=town.now, received_at=town.now, unreadable=0, remedy=None,
                              **known | fields)
        )  # fmt: skip
        worklists.replace(site, made, new_items(made, items, town.now))
    return made


def item(at: datetime, patient_id: str = "LG-204881", **values: Any) -> WorklistItem:
    known: dict[str, Any] = {
        "patient_name": "Rivera^Elena",
        "patient_id": patient_id,
        "birth_date": "1965-03-12",
        "sex": "F",
    }
    known |= {"accession_number": "CA-1188", "step_description": "Echocardiography", "start_at": at}
    return WorklistItem.model_validate(known | values)


def opened(town: Town) -> tuple[uuid.UUID, Browser]:
    """An exam of Bob's, and his browser with its page open."""
    exam, bob = town.exam(town.bob), town.signed_in()
    assert bob.get(f"/exams/{exam}").status_code == 200
    return exam, bob


def version(town: Town, exam: uuid.UUID) -> str:
    return str(town.value("SELECT version FROM exam WHERE id = :id", id=exam))


def item_id(town: Town, patient_id: str) -> str:
    return str(town.value("SELECT id FROM worklist_item WHERE patient_id = :id", id=patient_id))


@pytest.mark.proves("R52", "R54")
def test_a_step_is_picked_reviewed_and_confirmed(town: Town) -> None:
    exam, bob = opened(town)
    server(town, item(town.now), item(town.now + timedelta(hours=1), "LG-9", patient_name="Soto^Ana", guessed=True))
    assert f"/exams/{exam}/worklist" in bob.get(f"/exams/{exam}").text
    page = bob.get(f"/exams/{exam}/worklist").text
    for words in ("Rivera, Elena", "Soto, Ana", "same patient ID as the exam", "may be misread", "Hospital: read"):
        assert words in page, words
    picked, known = item_id(town, "LG-204881"), version(town, exam)
    review = bob.post(f"/exams/{exam}/worklist", version=known, item=picked).text
    for words in ("CA-1188", "Confirm 1 change", "Accession number"):
        assert words in review, words
    assert "another patient" not in review
    assert town.value("SELECT accession_number FROM exam WHERE id = :id", id=exam) is None
    seen = review.partition('name="seen" value="')[2].partition('"')[0]
    answer = bob.post(f"/exams/{exam}/worklist/confirm", version=known, item=picked, seen=seen)
    assert answer.headers["location"] == f"/exams/{exam}"
    assert "CA-1188" in bob.get(f"/exams/{exam}").text
    again = bob.post(f"/exams/{exam}/worklist", version=version(town, exam), item=picked)
    assert "already" in bob.get(again.headers["location"]).text


def test_another_patient_another_study_and_a_guessed_name_are_warned_of(town: Town) -> None:
    exam, bob = opened(town)
    server(town, item(town.now, "LG-9", patient_name="Soto^Ana", guessed=True, study_instance_uid="1.2.840.7"))
    review = bob.post(f"/exams/{exam}/worklist", version=version(town, exam), item=item_id(town, "LG-9")).text
    for words in ("exam of another patient", "may be misread", "names its own study", "1.2.840.7"):
        assert words in review, words


def test_the_same_id_of_another_issuer_is_warned_of(town: Town) -> None:
    exam, bob = opened(town)
    values = Values(issuer_of_patient_id="ELSEWHERE")
    actor = Actor(town.organisation_id, town.bob)
    correction.set_identity(town.access, actor, exam, int(version(town, exam)), values, town.now)
    server(town, item(town.now, issuer_of_patient_id="HOSPITAL"))
    assert "same patient ID as the exam" not in bob.get(f"/exams/{exam}/worklist").text
    review = bob.post(f"/exams/{exam}/worklist", version=version(town, exam), item=item_id(town, "LG-204881")).text
    assert "exam of another patient" in review


def test_being_shown_the_worklist_or_a_step_of_it_is_in_the_audit_trail(town: Town) -> None:
    exam, bob = opened(town)
    server(town, item(town.now))
    viewed = "action = 'worklist_viewed' AND object_id = :exam AND actor_id = :bob"
    events = f"SELECT count(*) FROM audit_event WHERE {viewed}"
    bob.get(f"/exams/{exam}/worklist")
    assert town.value(events, exam=str(exam), bob=str(town.bob)) == 1
    town.wait(minutes=11)
    bob.post(f"/exams/{exam}/worklist", version=version(town, exam), item=item_id(town, "LG-204881"))
    assert town.value(events, exam=str(exam), bob=str(town.bob)) == 2


@pytest.mark.proves("R52")
def test_the_gateway_is_asked_by_a_button(town: Town) -> None:
    exam, bob = opened(town)
    answer = bob.post(f"/exams/{exam}/worklist/refresh")
    assert "no worklist server to ask" in bob.get(answer.headers["location"]).text
    assert "No worklist server" in bob.get(f"/exams/{exam}/worklist").text
    server(town)
    answer = bob.post(f"/exams/{exam}/worklist/refresh")
    page = bob.get(answer.headers["location"]).text
    assert "is being read" in page
    assert "Nothing is scheduled" in page
    assert town.value("SELECT count(*) FROM command WHERE kind = 'refresh_worklists'") == 1


def test_a_list_that_is_old_or_cut_off_is_said_to_be(town: Town) -> None:
    exam, bob = opened(town)
    sentence = "HOSPITAL at 192.0.2.9:104 rejected the association: calling AE title not recognised (1/1/3)."
    server(town, item(town.now), failing_since=town.now, problem=sentence, truncated=True)
    page = bob.get(f"/exams/{exam}/worklist").text
    for words in ("Hospital gives no list since", "is from", sentence, "more steps than are shown"):
        assert words in page, words


def test_what_changed_meanwhile_is_not_confirmed(town: Town) -> None:
    exam, bob = opened(town)
    server(town, item(town.now))
    picked, known = item_id(town, "LG-204881"), version(town, exam)
    answer = bob.post(f"/exams/{exam}/worklist/confirm", version=known, item=picked, seen="0" * 64)
    assert answer.headers["location"] == f"/exams/{exam}?said=changed"
    assert town.value("SELECT count(*) FROM exam_identity") == 0
    gone = bob.post(f"/exams/{exam}/worklist", version=known, item=str(uuid.uuid4()))
    assert gone.headers["location"] == f"/exams/{exam}/worklist?said=changed"


def test_a_step_without_patient_id_is_shown_and_not_picked(town: Town) -> None:
    exam, bob = opened(town)
    server(town, item(town.now, "", patient_name="Soto^Ana"))
    page = bob.get(f"/exams/{exam}/worklist").text
    assert "Soto, Ana" in page
    assert "Pick…" not in page
    picked = item_id(town, "")
    answer = bob.post(f"/exams/{exam}/worklist", version=version(town, exam), item=picked)
    assert answer.headers["location"] == f"/exams/{exam}/worklist?said=unusable"


def test_a_stranger_and_an_unassigned_exam_have_no_worklist(town: Town) -> None:
    exam = town.exam(town.bob)
    server(town, item(town.now))
    charlie = town.signed_in("charlie@elsewhere.example")
    charlie.get("/drafts")
    for path in ("", "/confirm", "/refresh"):
        assert charlie.post(f"/exams/{exam}/worklist{path}", version="0", item="x").status_code == 404
    assert charlie.get(f"/exams/{exam}/worklist").status_code == 404
    assert town.signed_in().get(f"/exams/{town.exam()}/worklist").status_code == 404
