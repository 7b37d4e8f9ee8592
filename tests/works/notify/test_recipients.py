"""Who is told: chosen administrators, or all; further addresses; support; each once, and somebody if there is one."""

import pytest

from smartlink.works.access import Access
from smartlink.works.errors import Conflict, Invalid, NotFound
from smartlink.works.notify import recipients
from tests.works.cast import NOW, Cast, person


@pytest.mark.proves("R113")
def test_all_administrators_are_told_until_some_are_chosen(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    person(access, home, "Anna", role="facility_administrator")
    with access.organisation(home.organisation_id) as site:
        everybody = recipients.of_facility(site, home.facility_id, support=None)
        assert everybody == ("alice@example.org", "anna@example.org")
        assert recipients.add(site, home.facility_id, "Anna@Example.org ", NOW)
        assert not recipients.add(site, home.facility_id, "it@lakeside.example", NOW)
        assert recipients.of_facility(site, home.facility_id, support="Help@vendor.example") == (
            "anna@example.org",
            "it@lakeside.example",
            "help@vendor.example",
        )
        recipients.remove(site, home.facility_id, "anna@example.org", NOW)
        assert recipients.told(site, home.facility_id).administrators == everybody
        assert site.value("SELECT count(*) FROM audit_event WHERE action LIKE 'recipient_%'") == 3


def test_a_chosen_one_who_left_does_not_leave_nobody(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    person(access, home, "Anna", role="facility_administrator")
    with access.organisation(home.organisation_id) as site:
        recipients.add(site, home.facility_id, "anna@example.org", NOW)
        site.run("UPDATE person SET status = 'inactive' WHERE email = 'anna@example.org'")
        assert recipients.told(site, home.facility_id).administrators == ("alice@example.org",)
        site.run("UPDATE membership SET role = 'organisation_administrator' WHERE person_id = :id", id=cast.alice)
        assert recipients.told(site, home.facility_id).administrators == ("alice@example.org",)


def test_what_cannot_be_is_said(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    with access.organisation(home.organisation_id) as site:
        recipients.add(site, home.facility_id, "it@lakeside.example", NOW)
        with pytest.raises(Conflict, match="told already"):
            recipients.add(site, home.facility_id, "IT@lakeside.example", NOW)
        with pytest.raises(Invalid, match="whole e-mail"):
            recipients.add(site, home.facility_id, "it", NOW)
        with pytest.raises(NotFound, match="neither"):
            recipients.remove(site, home.facility_id, "alice@example.org", NOW)
        with pytest.raises(NotFound, match="no such facility"):
            recipients.add(site, cast.elsewhere.facility_id, "it@lakeside.example", NOW)
