"""The tables as the queries know them are the tables that the migrations build, each under row-level security."""

import psycopg
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from smartlink.works.store.database import sqlalchemy_url
from smartlink.works.store.tables import GLOBAL_TABLES, metadata
from tests.works.services import TestDatabase

ORGANISATION_ID = "organisation_id"
UNDER_SECURITY = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity AND c.relforcerowsecurity
        AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'organisation')
"""
WITH_ORGANISATION = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'organisation_id'
"""


def names(database: TestDatabase, query: str) -> set[str]:
    """The first column of every row."""
    with psycopg.connect(database.owner_url) as connection:
        return {row[0] for row in connection.execute(query).fetchall()}


def test_the_migrations_build_exactly_these_tables(database: TestDatabase) -> None:
    engine = sa.create_engine(sqlalchemy_url(database.owner_url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda _object, name, *_rest: not str(name).startswith("procrastinate_")},
        )
        assert compare_metadata(context, metadata) == []


def test_every_table_with_an_organisation_forces_row_level_security(database: TestDatabase) -> None:
    secured = names(database, UNDER_SECURITY)
    assert names(database, WITH_ORGANISATION) <= secured
    assert {"organisation", "person"} <= secured


def test_every_table_has_an_organisation_or_a_reason_not_to(database: TestDatabase) -> None:
    ours = {table.name for table in metadata.sorted_tables}
    assert ours - GLOBAL_TABLES == names(database, WITH_ORGANISATION)
    assert all(ORGANISATION_ID not in metadata.tables[name].c for name in GLOBAL_TABLES)


def test_policies_say_what_was_designed(database: TestDatabase) -> None:
    query = """
        SELECT polname || ': ' || pg_get_expr(polqual, polrelid) || coalesce(pg_get_expr(polwithcheck, polrelid), '')
        FROM pg_policy WHERE polrelid <> 'person'::regclass
    """
    current = "(NULLIF(current_setting('works.organisation'::text, true), ''::text))::uuid"
    assert names(database, query) == {
        f"organisation: (organisation_id = {current})",
        f"organisation: (id = {current})",
        "hidden: ((deletion_id IS NULL) OR (current_setting('works.hidden'::text, true) = 'shown'::text))",
        "lookup: true",
    }


def test_policies_that_see_everything_are_the_look_ups_alone(database: TestDatabase) -> None:
    query = """
        SELECT array_to_string(ARRAY(SELECT rolname FROM pg_roles WHERE oid = ANY (polroles)), ',')
            || '/' || polcmd::text
        FROM pg_policy WHERE pg_get_expr(polqual, polrelid) = 'true'
    """
    assert names(database, query) == {"works_lookup/r"}
