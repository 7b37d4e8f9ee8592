"""Drafts and Unassigned: who sees what, in which words."""

import re

import pytest

from tests.works.web.people import add_person
from tests.works.web.town import Town


def test_drafts_are_one_s_own(town: Town) -> None:
    town.exam(town.bob, patient_name="Rivera^Elena")
    town.exam(town.eve, patient_name="Abbott^Samuel")
    page = town.signed_in().get("/drafts").text
    assert "Rivera, Elena" in page
    assert "Abbott" not in page


def test_the_latest_exam_is_first(town: Town) -> None:
    for name in ("First^A", "Second^B"):
        town.exam(town.bob, patient_name=name)
        town.wait(minutes=1)
    page = town.signed_in().get("/drafts").text
    assert page.index("Second, B") < page.index("First, A")


@pytest.mark.proves("R79")
@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("no_match", "The name matches nobody:"),
        ("ambiguous", "The name matches several people:"),
        ("tag_missing", "No physician on the images"),
        ("mapping_none", "This scanner always sends here"),
        ("user_inactive", "The account is not active:"),
    ],
)
def test_unassigned_says_why_and_shows_the_value_as_sent(town: Town, reason: str, words: str) -> None:
    town.exam(reason=reason, raw_value="BRAND^BOB", tag="0008,1050")
    page = town.signed_in().get("/unassigned").text
    assert words in page
    if words.endswith(":"):
        assert "BRAND^BOB" in page
        assert "Performing Physician’s Name" in page


def test_unassigned_is_seen_by_the_specialty_it_belongs_to(town: Town) -> None:
    town.exam(patient_name="Cardio^Patient", specialty_id=town.lakeside.specialty_id)
    town.exam(patient_name="Radio^Patient", specialty_id=town.lakeside.other_specialty_id)
    page = town.signed_in().get("/unassigned").text
    assert "Cardio, Patient" in page
    assert "Radio, Patient" not in page


def test_nobody_sees_another_organisation_s_unassigned(town: Town) -> None:
    town.exam()
    assert "Rivera" not in town.signed_in("charlie@elsewhere.example").get("/unassigned").text


def test_waiting_turns_amber_and_then_red(town: Town) -> None:
    town.exam()
    town.wait(hours=11)
    assert "st-warn" not in town.signed_in().get("/unassigned").text
    town.wait(hours=2)
    assert re.search(r"st-warn.*13 h", town.signed_in().get("/unassigned").text)
    town.wait(hours=39)
    assert re.search(r"st-fail.*2 d 4 h", town.signed_in().get("/unassigned").text)


def test_empty_folders_say_what_will_be_here_or_that_all_is_well(town: Town) -> None:
    browser = town.signed_in()
    assert "No drafts yet" in browser.get("/drafts").text
    assert "Every exam found its physician." in browser.get("/unassigned").text


def test_an_exam_that_images_still_reach_is_receiving_until_a_minute_of_quiet(town: Town) -> None:
    town.exam(town.bob)
    browser = town.signed_in()
    assert "Receiving" in browser.get("/drafts").text
    town.wait(seconds=61)
    assert "Stored" in browser.get("/drafts").text


def test_images_still_on_their_way_are_counted(town: Town) -> None:
    exam = town.exam(town.bob)
    study = town.value("SELECT study_instance_uid FROM exam WHERE id = :id", id=exam)
    town.upload(study, state="offered")
    town.upload(study, state="confirmed")
    town.wait(minutes=2)
    assert "2 images still on their way" in town.signed_in().get("/drafts").text


def test_the_rail_counts_what_the_person_may_open(town: Town) -> None:
    town.exam(town.bob)
    town.exam(town.eve)
    town.exam()
    counts = re.findall(r'class="count">(\d+)<', town.signed_in().get("/drafts").text)
    assert counts == ["1", "1", "0"]


def test_the_gateway_is_online_only_while_it_is_heard(town: Town) -> None:
    town.wait(seconds=18)
    browser = town.signed_in()
    page = browser.get("/drafts").text
    assert "Online" in page
    assert "Last contact 18 s ago" in page
    town.wait(minutes=4)
    assert "Offline" in browser.get("/drafts").text


def test_a_name_with_html_is_shown_as_text(town: Town) -> None:
    town.exam(town.bob, patient_name="<b>Bold</b>^<script>alert(1)</script>")
    page = town.signed_in().get("/drafts").text
    assert "&lt;script&gt;" in page
    assert "<b>Bold" not in page


def test_titles_and_addresses_carry_no_patient(town: Town) -> None:
    exam = town.exam(town.bob)
    browser = town.signed_in()
    page = browser.get(f"/exams/{exam}").text
    assert re.search(r"<title>(.*)</title>", page)[1] == "Exam · Works"  # type: ignore[index]
    addresses = re.findall(r'(?:href|src|action|hx-get)="([^"]*)"', page + browser.get("/drafts").text)
    assert not any("rivera" in address.lower() or "204881" in address for address in addresses)


def test_a_page_speaks_spanish_when_asked(town: Town) -> None:
    browser = town.signed_in()
    browser.get("/drafts")
    assert browser.post("/preferences", language="es", next="/unassigned").headers["location"] == "/unassigned"
    assert "Sin asignar" in browser.get("/unassigned").text


def test_a_thousand_exams_are_listed(town: Town) -> None:
    dora = add_person(town.access, town.lakeside, "dora@lakeside.example", "Dr. Dora Dunn", town.now)
    town.run(
        """
        INSERT INTO exam (id, organisation_id, facility_id, study_instance_uid, state, folder, owner_person_id,
                          created_at, last_received_at)
        SELECT gen_random_uuid(), :organisation, :facility, '1.2.' || n, 'draft', 'drafts', :dora, :now, :now
        FROM generate_series(1, 1000) n
        """,
        organisation=town.organisation_id,
        facility=town.lakeside.facility_id,
        dora=dora,
        now=town.now,
    )
    assert town.signed_in("dora@lakeside.example").get("/drafts").text.count("<tr id=") == 1000


def test_being_shown_a_list_of_patients_is_in_the_audit_trail_once_in_ten_minutes(town: Town) -> None:
    exam = town.exam(town.bob)
    unassigned = town.exam(reason="no_match")
    bob = town.signed_in()
    for path in ("/drafts", "/drafts", "/unassigned", "/completed", "/outbox", f"/exams/{exam}/patient"):
        assert bob.get(path).status_code == 200
    bob.get(f"/exams/{unassigned}/assign")
    seen = "SELECT array_agg(action || ' ' || object_id ORDER BY id) FROM audit_event WHERE action = ANY (:acts)"
    assert town.value(seen, acts=["exams_listed", "patient_viewed"]) == [
        "exams_listed drafts",
        "exams_listed unassigned",
        "exams_listed completed",
        "exams_listed outbox",
        f"patient_viewed {exam}",
        f"patient_viewed {unassigned}",
    ]
