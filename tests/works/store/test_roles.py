"""The roles: what the application signs in as can do no more than it should."""

import psycopg
import pytest

from smartlink.works.embedded.postgresql import Cluster
from smartlink.works.store import roles
from tests.works.services import APPLICATION_PASSWORD, OWNER_PASSWORD, TestDatabase

ROLES = [roles.APPLICATION, roles.LOOKUP, roles.OWNER]


@pytest.mark.parametrize("role", ROLES)
def test_no_role_bypasses_anything(database: TestDatabase, role: str) -> None:
    with psycopg.connect(database.application_url) as connection:
        rights = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
            " FROM pg_roles WHERE rolname = %s",
            (role,),
        ).fetchone()
    assert rights == (False, False, False, False, False)


def test_the_application_owns_nothing_and_is_in_no_role(database: TestDatabase) -> None:
    with psycopg.connect(database.application_url) as connection:
        owned = connection.execute(
            "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid"
            " WHERE r.rolname = current_user AND d.deptype = 'o'"
        ).fetchone()
        memberships = connection.execute(
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = current_user"
        ).fetchone()
    assert owned == (0,)
    assert memberships == (0,)


@pytest.mark.parametrize("role", ["postgres", roles.OWNER, roles.LOOKUP])
def test_the_application_cannot_become_somebody_else(database: TestDatabase, role: str) -> None:
    with psycopg.connect(database.application_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f'SET ROLE "{role}"')


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE facility DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE facility NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY organisation ON facility",
        "CREATE POLICY mine ON facility USING (true)",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "UPDATE audit_event SET action = 'nothing'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DELETE FROM organisation",
        "UPDATE alembic_version SET version_num = '0'",
    ],
)
def test_the_application_is_refused(database: TestDatabase, statement: str) -> None:
    with psycopg.connect(database.application_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_row_security_off_is_an_error_and_not_a_way_round(database: TestDatabase) -> None:
    with psycopg.connect(database.application_url) as connection:
        connection.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM facility")


def test_nobody_signs_in_as_the_look_ups_owner(postgresql: Cluster, database: TestDatabase) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgresql.url(roles.LOOKUP, "", database.name))


def test_only_works_roles_enter_the_database(database: TestDatabase) -> None:
    with psycopg.connect(database.application_url) as connection:
        allowed = connection.execute(
            "SELECT has_database_privilege('public', current_database(), 'CONNECT')"
        ).fetchone()
    assert allowed == (False,)


def test_preparing_again_changes_nothing(postgresql: Cluster, database: TestDatabase) -> None:
    for _ in range(2):
        roles.prepare(
            postgresql.superuser_url,
            owner_password=OWNER_PASSWORD,
            application_password=APPLICATION_PASSWORD,
            database=database.name,
        )
    with psycopg.connect(database.application_url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (roles.APPLICATION,)


def test_each_role_has_its_own_password() -> None:
    made = {roles.password_of(role, "secret") for role in (roles.OWNER, roles.APPLICATION)}
    assert len(made) == 2
    assert roles.password_of(roles.OWNER, "other") not in made
