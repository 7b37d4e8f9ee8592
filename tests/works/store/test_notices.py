"""What gateways say of failures replaces what they said before; a revoked gateway says nothing any more."""

from datetime import timedelta

from smartlink.works.access import Access
from smartlink.works.store import gateways, lookups, notices
from smartlink.works.store.notices import Notice, Progress
from tests.works.cast import NOW, Cast
from tests.works.store.test_lookups import add_gateway


def test_a_notice_replaces_the_one_before(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    gateway = add_gateway(access, home)
    with access.organisation(home.organisation_id) as site:
        for hours in (4, 6):
            notices.put(
                site, Notice(gateway, home.facility_id, NOW, NOW, hours, failing=True, snapshot={"failures": []})
            )
        (kept,) = notices.of_facility(site, home.facility_id)
        assert (kept.notify_hours, kept.failing, kept.snapshot) == (6, True, {"failures": []})
        gateways.revoke(site, gateway)
        assert notices.of_facility(site, home.facility_id) == []
    with access.organisation(cast.elsewhere.organisation_id) as site:
        assert notices.of_facility(site, home.facility_id) == []


def test_the_telling_goes_on_where_it_was_left(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    progress = Progress(home.facility_id, announced_at=NOW, told_at=NOW, due_at=NOW + timedelta(hours=4))
    with access.organisation(home.organisation_id) as site:
        assert notices.lock(site, home.facility_id) == Progress(home.facility_id)
        notices.keep(site, progress)
        assert notices.lock(site, home.facility_id) == progress
    ids = [lookups.FacilityIds(home.organisation_id, home.facility_id)]
    with access.outside() as transaction:
        assert lookups.digests_due(transaction, NOW + timedelta(hours=4)) == ids
        assert lookups.digests_due(transaction, NOW + timedelta(hours=3)) == []
