"""Transactions: values in and out, and errors that say again or never without quoting what was written."""

import uuid
from dataclasses import dataclass

import pytest

from smartlink.works.access import Access
from smartlink.works.errors import Invalid
from smartlink.works.store.database import Clash, Database, DatabaseUnavailable, sqlalchemy_url
from tests.works.cast import NOW, Cast

ADD = "INSERT INTO organisation (id, name, created_at) VALUES (:id, :name, :now)"


@dataclass(frozen=True)
class Pair:
    """Two columns."""

    first: int
    second: str


def test_rows_become_values(access: Access) -> None:
    with access.outside() as transaction:
        query = "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS pairs (first, second) WHERE first <= :most"
        assert transaction.many(Pair, query, most=2) == [Pair(1, "a"), Pair(2, "b")]
        assert transaction.one(Pair, query, most=1) == Pair(1, "a")
        assert transaction.one(Pair, query, most=0) is None


def test_dictionaries_lists_and_ids_travel_both_ways(access: Access) -> None:
    ids = [uuid.uuid4(), uuid.uuid4()]
    with access.outside() as transaction:
        assert transaction.value("SELECT CAST(:told AS jsonb)", told={"a": [1, None]}) == {"a": [1, None]}
        assert transaction.value("SELECT CAST(:ids AS uuid[])", ids=ids) == ids


def test_a_second_row_under_one_name_is_a_clash_that_names_the_rule(access: Access) -> None:
    organisation = uuid.uuid4()
    with pytest.raises(Clash) as clash, access.organisation(organisation) as site:
        site.run(ADD, id=organisation, name="Secret Name", now=NOW)
        site.run(ADD, id=organisation, name="Secret Name", now=NOW)
    assert clash.value.constraint == "organisation_pkey"
    assert "Secret" not in str(clash.value)


def test_a_rule_checked_at_the_end_is_a_clash_too(access: Access, cast: Cast) -> None:
    with pytest.raises(Clash) as clash, access.organisation(cast.lakeside.organisation_id) as site:
        site.run(
            "INSERT INTO membership (id, organisation_id, person_id, role, created_at)"
            " VALUES (:id, :organisation, :nobody, 'auditor', :now)",
            id=uuid.uuid4(),
            organisation=site.organisation_id,
            nobody=uuid.uuid4(),
            now=NOW,
        )
    assert clash.value.constraint == "membership_person_id_fkey"


def test_an_attempt_that_fails_is_undone_alone(access: Access) -> None:
    organisation = uuid.uuid4()
    with access.organisation(organisation) as site:
        site.run(ADD, id=organisation, name="First", now=NOW)
        with pytest.raises(Clash), site.attempt():
            site.run(ADD, id=organisation, name="Second", now=NOW)
        assert site.value("SELECT name FROM organisation") == "First"


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_what_cannot_be_stored_is_refused_without_quoting_it(access: Access, text: str) -> None:
    with pytest.raises(Invalid) as refusal, access.outside() as transaction:
        transaction.value("SELECT CAST(:text AS text)", text=text)
    assert text not in str(refusal.value)


def test_a_database_that_is_away_says_try_again() -> None:
    database = Database("postgresql://works_app:x@/works?host=/nonexistent")
    with pytest.raises(DatabaseUnavailable), database.transaction():
        pass
    database.close()


def test_errors_of_the_driver_do_not_quote_values(access: Access) -> None:
    with pytest.raises(Exception, match="does_not_exist") as broken, access.outside() as transaction:
        transaction.value("SELECT * FROM does_not_exist WHERE name = :name", name="Zzyx^Patient")
    assert "Zzyx" not in str(broken.value)


def test_an_address_is_given_to_psycopg() -> None:
    url = sqlalchemy_url("postgresql://works_app:secret@/works?host=/run/x&port=5432")
    assert url.drivername == "postgresql+psycopg"
    assert (url.database, url.query["host"]) == ("works", "/run/x")
