"""People are visible to organisations that they belong to, and to no other."""

from __future__ import annotations

from smartlink.works.access import Access
from smartlink.works.store import people
from tests.works.cast import Cast


def test_bob_belongs_to_lakeside_only(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert people.organisation_of(site, cast.bob) == people.OrganisationOf("Lakeside", ["Lakeside General"])
        assert (people.password_hash(site, cast.bob) or "").startswith("$argon2id$")
        assert people.password_hash(site, cast.charlie) is None
    with access.organisation(cast.elsewhere.organisation_id) as site:
        assert people.organisation_of(site, cast.bob) is None
        assert people.password_hash(site, cast.bob) is None


def test_somebody_inactive_has_no_password(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        site.run("UPDATE person SET status = 'inactive' WHERE id = :id", id=cast.bob)
        assert people.password_hash(site, cast.bob) is None
