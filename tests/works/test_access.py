"""An organisation's rows are reached in one way only, and whoever forgets the organisation reads nothing."""

import uuid

import pytest

from smartlink.works.access import Access, Site
from smartlink.works.errors import NotFound
from smartlink.works.fleet import licence_keys
from smartlink.works.store import tables
from smartlink.works.store.database import Clash, Transaction
from tests.works.cast import NOW, Cast

TENANT_TABLES = sorted(
    table.name for table in tables.metadata.sorted_tables if table.name not in {"assertion_seen", "sign_in_attempt"}
)


def forgetful(transaction: Transaction) -> Site:
    """A site whose organisation was never told to the database."""
    return Site(transaction.connection, uuid.uuid4())


def test_who_forgets_the_organisation_reads_nothing(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        licence_keys.create(site, cast.lakeside.facility_id, by=None, now=NOW)
    with access.outside() as transaction:
        site = forgetful(transaction)
        assert {table: site.value(f'SELECT count(*) FROM "{table}"') for table in TENANT_TABLES} == dict.fromkeys(
            TENANT_TABLES, 0
        )


def test_who_forgets_the_organisation_writes_nothing(access: Access, cast: Cast) -> None:
    with access.outside() as transaction:
        assert forgetful(transaction).run("UPDATE facility SET name = 'Ours now'") == 0
    with pytest.raises(Exception, match="row-level security"), access.outside() as transaction:
        transaction.run(
            "INSERT INTO facility (id, organisation_id, name, time_zone, created_at) VALUES (:id, :organisation,"
            " 'Hidden', 'UTC', :now)",
            id=uuid.uuid4(),
            organisation=cast.lakeside.organisation_id,
            now=NOW,
        )


def test_each_organisation_sees_its_own_rows_only(access: Access, cast: Cast) -> None:
    with access.organisation(cast.elsewhere.organisation_id) as site:
        assert site.value("SELECT array_agg(name) FROM organisation") == ["Elsewhere"]
        assert site.value("SELECT array_agg(name) FROM facility") == ["Elsewhere General"]
        assert site.value("SELECT array_agg(id) FROM person") == [cast.charlie]
        assert site.run("UPDATE person SET display_name = 'x' WHERE id = :id", id=cast.bob) == 0
        assert site.run("DELETE FROM membership WHERE person_id = :id", id=cast.bob) == 0


def test_a_row_cannot_be_moved_into_another_organisation(access: Access, cast: Cast) -> None:
    with (
        pytest.raises(Exception, match="row-level security"),
        access.organisation(cast.elsewhere.organisation_id) as site,
    ):
        site.run("UPDATE facility SET organisation_id = :id", id=cast.lakeside.organisation_id)


def test_a_row_cannot_point_into_another_organisation(access: Access, cast: Cast) -> None:
    with pytest.raises(Clash), access.organisation(cast.elsewhere.organisation_id) as site:
        site.run(
            "INSERT INTO specialty (id, organisation_id, facility_id, name, updated_at)"
            " VALUES (:id, :organisation, :facility, 'Cardiology', :now)",
            id=uuid.uuid4(),
            organisation=site.organisation_id,
            facility=cast.lakeside.facility_id,
            now=NOW,
        )


def test_another_organisations_facility_is_not_found(access: Access, cast: Cast) -> None:
    with pytest.raises(NotFound), access.organisation(cast.elsewhere.organisation_id) as site:
        licence_keys.create(site, cast.lakeside.facility_id, by=None, now=NOW)


def test_the_organisation_is_told_for_one_transaction_only(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        backend = site.value("SELECT pg_backend_pid()")
    with access.outside() as transaction:  # the pool hands out the same connection again
        assert transaction.value("SELECT pg_backend_pid()") == backend
        assert transaction.value("SELECT count(*) FROM facility") == 0


def test_what_raises_leaves_nothing_behind(access: Access, cast: Cast) -> None:
    with pytest.raises(RuntimeError), access.organisation(cast.lakeside.organisation_id) as site:
        site.run("UPDATE facility SET name = 'Half done'")
        raise RuntimeError
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert site.value("SELECT name FROM facility") == "Lakeside General"
