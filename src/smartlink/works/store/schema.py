"""Bring a database to the schema of this version of Works."""

from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory

from smartlink.works.store.database import sqlalchemy_url

FOLDER = Path(__file__).parent / "migrations"
# Any fixed number: replicas that start together migrate one after the other.
ONE_AT_A_TIME = 5104_0001


def migrate(owner_url: str, revision: str = "head") -> None:
    """The database is at the newest revision, or at that one; `owner_url` signs in as the owner of the database."""
    engine = sa.create_engine(sqlalchemy_url(owner_url), poolclass=sa.NullPool, hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        configuration = _configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)
    engine.dispose()


def newest() -> str:
    """The revision that this version of Works needs."""
    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    if head is None:
        message = "Works' migrations are missing from this installation."
        raise LookupError(message)
    return head


def run_file(name: str) -> None:
    """Run one frozen SQL file within the revision that is being applied."""
    run(files("smartlink.works.store.migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def run(statements: str) -> None:
    """Run statements as they are (no parameters, so a percent sign is a percent sign)."""
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        message = "The migration has lost its connection."
        raise ConnectionError(message)
    driver.execute(statements)


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(FOLDER))
    return configuration
