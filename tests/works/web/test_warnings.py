"""Above the folders stands what somebody must know: mails that do not get out, nobody told, images undecided."""

import uuid

import pytest

from smartlink.works.store import mails
from smartlink.works.web import warnings
from tests.works.web.town import Browser, Town

SILENT = "Nobody is told when transfers of Lakeside General fail."
STUCK = "Mails about failed transfers of Lakeside General do not get out."


def mail(town: Town, to: str, state: str, problem: str) -> None:
    """A mail of Lakeside that somebody does not get."""
    mail_id = uuid.uuid4()
    with town.access.organisation(town.organisation_id) as site:
        mails.add(
            site,
            id=mail_id,
            facility_id=town.lakeside.facility_id,
            kind="digest",
            recipient=to,
            subject="Transfers fail",
            body="Three images wait.",
            now=town.now,
        )
        mails.turned(site, mail_id, state=state, problem=problem, now=town.now)


def spanish(browser: Browser) -> Browser:
    """The same visitor, in Spanish."""
    browser.http.cookies.set("language", "es")
    return browser


@pytest.mark.proves("R113")
def test_who_runs_the_facility_reads_that_mails_do_not_get_out(town: Town) -> None:
    mail(town, "alice@lakeside.example", "waiting", "The mail server does not accept user name and password.")
    mail(town, "it@lakeside.example", "refused", "The mail server refuses this address (550).")
    bob = town.signed_in()
    assert STUCK not in bob.get("/drafts").text
    town.runs(town.bob)
    for folder in ("drafts", "unassigned", "completed", "outbox"):
        page = bob.get(f"/{folder}").text
        assert page.count(STUCK) == 2, folder
    assert "Not reached yet: alice@lakeside.example." in page
    assert "Not reached: it@lakeside.example." in page
    assert "The mail server does not accept user name and password." in page
    assert "El servidor de correo no acepta el usuario y la contraseña." in spanish(bob).get("/drafts").text
    assert STUCK not in town.signed_in("charlie@elsewhere.example").get("/drafts").text


@pytest.mark.proves("R113")
def test_everybody_there_reads_that_nobody_is_told(town: Town) -> None:
    bob = town.signed_in()
    assert SILENT not in bob.get("/drafts").text
    town.run("DELETE FROM notice_recipient")
    assert SILENT in bob.get("/drafts").text
    with town.access.organisation(town.organisation_id) as site:
        assert warnings.of_person(site, town.bob, "support@vendor.example").untold == ()
        assert warnings.of_person(site, town.bob, None).untold == ("Lakeside General",)
    town.runs(town.eve, "organisation_administrator")
    assert SILENT not in bob.get("/drafts").text


@pytest.mark.proves("R152")
def test_who_runs_the_facility_is_led_to_the_exam_that_waits_longest(town: Town) -> None:
    exams = [town.exam(town.eve) for _ in range(2)]
    for exam in exams:
        town.conflict(town.instance(exam))
        town.wait(minutes=1)
    bob = town.signed_in()
    assert "two different images" not in bob.get("/drafts").text
    town.runs(town.bob)
    page = bob.get("/drafts").text
    assert "2 exams hold two different images under one identifier." in page
    assert f'<a href="/exams/{exams[0]}">Open the one that waits longest</a>' in page
    assert bob.get(f"/exams/{exams[0]}").status_code == 200
