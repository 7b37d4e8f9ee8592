"""The look-ups that precede an organisation answer ids, and nothing else."""

import hashlib
import uuid
from datetime import timedelta

import psycopg
import pytest

from smartlink.link.test_exam import UID_ROOT
from smartlink.works.access import Access
from smartlink.works.fleet import licence_keys
from smartlink.works.store import gateways, lookups, sessions
from smartlink.works.store.gateways import Gateway
from tests.works.cast import NOW, Cast, Home
from tests.works.services import TestDatabase


def test_an_address_leads_to_its_organisations(access: Access, cast: Cast) -> None:
    with access.outside() as transaction:
        assert lookups.memberships_of(transaction, "BOB@example.org") == [
            lookups.MembershipIds(cast.lakeside.organisation_id, cast.bob)
        ]
        assert lookups.person(transaction, "bob@example.org") == cast.bob
        assert lookups.memberships_of(transaction, "nobody@example.org") == []
        assert lookups.person(transaction, "nobody@example.org") is None


def test_a_session_token_leads_to_its_session(access: Access, cast: Cast) -> None:
    session = uuid.uuid4()
    with access.organisation(cast.lakeside.organisation_id) as site:
        sessions.add(site, id=session, person_id=cast.bob, token_hash=b"t" * 32, now=NOW, expires_at=NOW)
    with access.outside() as transaction:
        assert lookups.session(transaction, b"t" * 32) == lookups.SessionIds(cast.lakeside.organisation_id, session)
        assert lookups.session(transaction, b"u" * 32) is None


def test_a_licence_key_leads_to_its_facilitys_organisation(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        made = licence_keys.create(site, cast.lakeside.facility_id, by=None, now=NOW)
        kept = bytes(site.value("SELECT key_hash FROM licence_key"))
    with access.outside() as transaction:
        assert lookups.licence_key(transaction, kept) == lookups.LicenceKeyIds(cast.lakeside.organisation_id, made.id)
        assert lookups.licence_key(transaction, hashlib.sha256(b"other").digest()) is None


def test_a_gateway_is_found_by_its_id_and_by_a_token_that_has_not_run_out(access: Access, cast: Cast) -> None:
    gateway = add_gateway(access, cast.lakeside)
    with access.organisation(cast.lakeside.organisation_id) as site:
        gateways.add_token(site, gateway, token_hash=b"h" * 32, expires_at=NOW + timedelta(minutes=10), now=NOW)
    with access.outside() as transaction:
        assert lookups.organisation_of_gateway(transaction, gateway) == cast.lakeside.organisation_id
        assert lookups.organisation_of_gateway(transaction, uuid.uuid4()) is None
        ids = lookups.GatewayIds(cast.lakeside.organisation_id, gateway)
        assert lookups.gateway_by_token(transaction, b"h" * 32, NOW + timedelta(minutes=9)) == ids
        assert lookups.gateway_by_token(transaction, b"h" * 32, NOW + timedelta(minutes=10)) is None


def add_gateway(access: Access, home: Home) -> uuid.UUID:
    """An active gateway."""
    gateway_id = uuid.uuid4()
    with access.organisation(home.organisation_id) as site:
        key = licence_keys.create(site, home.facility_id, by=None, now=NOW)
        gateways.insert(
            site,
            Gateway(gateway_id, home.facility_id, key.id, str(uuid.uuid4()), "pk", "0.1.0", "active", NOW, None, {}),
        )
    return gateway_id


def test_look_ups_return_ids_only(database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url) as connection:
        returned = connection.execute(
            "SELECT DISTINCT format_type(unnest(p.proallargtypes[p.pronargs + 1:]), NULL) FROM pg_proc p"
            " WHERE p.proname LIKE 'lookup\\_%'"
        ).fetchall()
    assert returned == [("uuid",)]


def test_look_ups_and_the_seal_of_the_audit_trail_are_the_only_functions_with_rights_of_their_own(
    database: TestDatabase,
) -> None:
    with psycopg.connect(database.owner_url) as connection:
        found = connection.execute(
            "SELECT p.proname, r.rolname, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE')"
            " FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner"
            " WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
        ).fetchall()
    (seal,) = [one for one in found if not one[0].startswith("lookup_")]
    assert seal[:2] == ("audit_chain", "works_owner")
    found.remove(seal)
    assert len(found) == 12
    assert str(seal[2:]) == str(found[0][2:])
    assert {tuple(map(str, rest)) for _, *rest in found} == {
        ("works_lookup", "['search_path=public, pg_temp']", "False")
    }


@pytest.mark.parametrize("column", ["password_hash", "display_name", "phone"])
def test_the_look_ups_owner_cannot_read_more(database: TestDatabase, column: str) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET ROLE works_lookup")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT {column} FROM person")


def test_only_old_test_exams_are_found(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    ids = {uid: uuid.uuid4() for uid in (f"{UID_ROOT}.1", "1.2.3")}
    with access.organisation(home.organisation_id) as site:
        for study, exam_id in ids.items():
            site.run(
                "INSERT INTO exam (id, organisation_id, facility_id, study_instance_uid, state, folder, created_at,"
                " last_received_at) VALUES (:id, :organisation, :facility, :study, 'draft', 'unassigned', :now, :now)",
                id=exam_id,
                organisation=home.organisation_id,
                facility=home.facility_id,
                study=study,
                now=NOW,
            )
    with access.outside() as transaction:
        assert lookups.test_exams(transaction, NOW) == []
        (found,) = lookups.test_exams(transaction, NOW + timedelta(seconds=1))
    assert found == lookups.ExamIds(home.organisation_id, ids[f"{UID_ROOT}.1"])
