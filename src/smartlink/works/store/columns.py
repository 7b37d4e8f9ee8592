"""What the tables are made of: the metadata they share and the columns that recur."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, UUID

metadata = sa.MetaData()


def identity() -> sa.Column[Any]:
    """The row's own id."""
    return sa.Column("id", UUID(as_uuid=True), primary_key=True)


def uuid(name: str, *, null: bool = False) -> sa.Column[Any]:
    """The id of something else."""
    return sa.Column(name, UUID(as_uuid=True), nullable=null)


def organisation() -> sa.Column[Any]:
    """Whose row it is: what row-level security goes by."""
    return sa.Column("organisation_id", UUID(as_uuid=True), sa.ForeignKey("organisation.id"), nullable=False)


def text(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A text."""
    return sa.Column(name, sa.Text, nullable=null)


def at(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A moment."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def whole(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[Any]:
    """A whole number."""
    return sa.Column(name, sa.BigInteger, nullable=null, server_default=None if default is None else sa.text(default))


def digest(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A digest, as bytes."""
    return sa.Column(name, BYTEA, nullable=null)


def within(column: str, table: str) -> sa.ForeignKeyConstraint:
    """`column` refers to a row of `table` in the same organisation."""
    return sa.ForeignKeyConstraint(["organisation_id", column], [f"{table}.organisation_id", f"{table}.id"])


def one_organisation() -> sa.UniqueConstraint:
    """What `within` of other tables refers to."""
    return sa.UniqueConstraint("organisation_id", "id")
