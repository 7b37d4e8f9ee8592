"""Transactions, and how a query's rows become frozen values.

`works.access` is the way in for everything that belongs to an organisation; this module only knows transactions.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.types.json import JsonbDumper

from smartlink.works.errors import Conflict, Invalid, TryAgain

T = TypeVar("T")


class Clash(Conflict):
    """A row that must be unique, or must exist, is not so; `constraint` names the rule that was broken."""

    def __init__(self, constraint: str) -> None:
        """`constraint` is the name in the schema; the text holds no values."""
        super().__init__(f"The database refused the change ({constraint}).")
        self.constraint = constraint


class DatabaseUnavailable(TryAgain):
    """The database does not answer just now."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction of Works: everything in it happens, or nothing.

    Queries are text with `:names`; values are given by name. Dictionaries are stored as jsonb, lists as arrays.
    """

    connection: sa.Connection

    def one(self, kind: type[T], query: str, /, **values: object) -> T | None:
        """The first row as `kind`, whose fields are named as the columns; None without a row."""
        row = self._execute(query, values).mappings().first()
        return None if row is None else kind(**row)

    def many(self, kind: type[T], query: str, /, **values: object) -> list[T]:
        """Every row as `kind`."""
        return [kind(**row) for row in self._execute(query, values).mappings()]

    def value(self, query: str, /, **values: object) -> Any:  # noqa: ANN401 - whatever the one column holds
        """The first column of the first row; None without a row."""
        return self._execute(query, values).scalar()

    def run(self, query: str, /, **values: object) -> int:
        """Change something; how many rows were changed."""
        return self._execute(query, values).rowcount

    def notify(self, channel: str, payload: str) -> None:
        """Tell every listener of `channel` once this transaction is committed (PostgreSQL NOTIFY)."""
        self._execute("SELECT pg_notify(:channel, :payload)", {"channel": channel, "payload": payload})

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What happens inside is undone alone when it raises (a savepoint)."""
        with self.connection.begin_nested():
            yield

    @property
    def driver_connection(self) -> psycopg.Connection[Any]:
        """The psycopg connection of this transaction, to defer a task in it."""
        driver = self.connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            message = "The database connection is gone."
            raise DatabaseUnavailable(message)
        return driver

    def _execute(self, query: str, values: dict[str, object]) -> sa.CursorResult[Any]:
        try:
            return self.connection.execute(_text(query), values)
        except sa.exc.IntegrityError as refused:
            raise Clash(_constraint(refused)) from None
        except (sa.exc.DataError, UnicodeEncodeError):  # a NUL, half a surrogate pair, a number out of range
            message = "A text or number cannot be stored as it is."
            raise Invalid(message) from None
        except sa.exc.OperationalError as down:
            message = "The database does not answer just now."
            raise DatabaseUnavailable(message) from down


@dataclass(frozen=True, slots=True)
class Site(Transaction):
    """A transaction that belongs to one organisation: the database shows it that organisation's rows and no other."""

    organisation_id: uuid.UUID


class Database:
    """A pool of connections to one database, all signed in as works_app."""

    def __init__(self, url: str, *, size: int = 20) -> None:
        """`url` as libpq writes it (postgresql://…). Nothing is opened before the first transaction."""
        self._engine = sa.create_engine(
            sqlalchemy_url(url),
            pool_size=size,
            max_overflow=size,
            pool_pre_ping=True,
            hide_parameters=True,  # an error's text never holds what was being written
        )
        sa.event.listen(self._engine, "connect", _prepare)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction without an organisation: committed at the end, undone when something is raised."""
        try:
            connection = self._engine.connect()
        except sa.exc.OperationalError as down:
            message = "The database does not answer just now."
            raise DatabaseUnavailable(message) from down
        try:
            with connection.begin():
                yield Transaction(connection)
        except sa.exc.IntegrityError as refused:  # a deferred rule, checked at commit
            raise Clash(_constraint(refused)) from None
        finally:
            connection.close()

    def close(self) -> None:
        """Every connection that is not in use is closed."""
        self._engine.dispose()


def sqlalchemy_url(url: str) -> sa.URL:
    """The same address for SQLAlchemy, with psycopg 3 as the driver."""
    return sa.make_url(url).set(drivername="postgresql+psycopg")


def _prepare(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.adapters.register_dumper(dict, JsonbDumper)


def _constraint(error: sa.exc.IntegrityError) -> str:
    diagnosis = error.orig.diag if isinstance(error.orig, psycopg.Error) else None
    return (diagnosis.constraint_name if diagnosis is not None else None) or "unknown"


@lru_cache(maxsize=512)
def _text(query: str) -> sa.TextClause:
    return sa.text(query)
