"""The search for the marker patient: in every file that a run wrote, in every mail, and in every column of a database.

Who she is may stand where images and their attributes are kept on purpose, which is listed here. Everything else
is searched, also what is added later: a new column or file is a place where she must not be.
"""

from __future__ import annotations

import email
import email.policy
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from tests.real.world import FORBIDDEN_IN_LOGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

IMAGES: Final = ("spool", "incomplete", "fetched", "objects", "postgresql")
"""Folders whose files are the images and the databases themselves."""

AT_THE_GATEWAY: Final = frozenset({("instance", "attributes"), ("worklist_item", "content")})
"""Columns of the catalogue that hold patient data on purpose; emptied when instance or item are purged."""

AT_WORKS: Final = frozenset(
    {
        ("upload", "attributes"),
        ("exam", "accession_number"),
        ("exam", "patient_name"),
        ("exam", "patient_id"),
        ("exam", "birth_date"),
        ("exam_identity", "accession_number"),
        ("exam_identity", "patient_name"),
        ("exam_identity", "patient_id"),
        ("exam_identity", "birth_date"),
        ("exam_identity", "former"),
        ("worklist_item", "accession_number"),
        ("worklist_item", "patient_name"),
        ("worklist_item", "patient_id"),
        ("worklist_item", "birth_date"),
    }
)
"""Columns of Works that hold patient data on purpose; the audit log is none of them."""


def words_in(text: bytes) -> list[str]:
    """Which words of the patient stand in a text."""
    return [word for word in FORBIDDEN_IN_LOGS if word.encode() in text]


def in_files(folder: Path) -> list[str]:
    """Where she stands in the files of a folder, their names included; images and databases are left out."""
    found = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        words = words_in(str(inner).encode())
        if path.is_file() and not set(inner.parts) & set(IMAGES) and ".db" not in path.suffix:
            words += words_in(path.read_bytes())
        found += [f"{inner}: {word}" for word in words]
    return found


def in_mail(message: bytes) -> list[str]:
    """Where she stands in a mail: in its headers, or in a part as its reader sees it."""
    read = email.message_from_bytes(message, policy=email.policy.default)
    texts = [str(value) for _, value in read.items()]
    texts += [str(part.get_content()) for part in read.walk() if part.get_content_maintype() == "text"]
    return [f"mail: {word}" for text in texts for word in words_in(text.encode())]


def in_texts(kind: str, texts: Iterable[str]) -> list[str]:
    """Where she stands among texts: addresses that were called, answers that were given."""
    return [f"{kind}: {word}" for text in texts for word in words_in(text.encode())]


def in_catalogue(path: Path) -> list[str]:
    """Where she stands in a gateway's catalogue beside the attributes of the instances it keeps."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [(table, name) for table in tables for _, name, *_ in opened.execute(f'PRAGMA table_info("{table}")')]
        return [
            f"{table}.{column}: {word}"
            for table, column in columns
            if (table, column) not in AT_THE_GATEWAY
            for (value,) in opened.execute(
                f'SELECT "{column}" FROM "{table}" WHERE typeof("{column}") IN (\'text\', \'blob\')'
            )
            for word in words_in(value.encode() if isinstance(value, str) else value)
        ]


def in_works(superuser_url: str) -> list[str]:
    """Where she stands in the database of Works, of whatever organisation, beside the columns made for her."""
    with psycopg.connect(superuser_url) as connection:
        return [
            f"{table}.{column}: {word}"
            for table, column in _columns(connection)
            if (table, column) not in AT_WORKS
            for word in FORBIDDEN_IN_LOGS
            if _holds(connection, table, column, word)
        ]


def _columns(connection: psycopg.Connection[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Every column that can hold words, of every table in the schema."""
    question = """
        SELECT c.table_name, c.column_name FROM information_schema.columns AS c
        JOIN information_schema.tables AS t USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
            AND (c.data_type IN ('text', 'character varying', 'jsonb', 'json', 'ARRAY', 'USER-DEFINED'))
        ORDER BY 1, 2
    """
    yield from connection.execute(question).fetchall()


def _holds(connection: psycopg.Connection[tuple[str, str]], table: str, column: str, word: str) -> bool:
    question = sql.SQL("SELECT 1 FROM {} WHERE {}::text LIKE %s LIMIT 1").format(
        sql.Identifier(table), sql.Identifier(column)
    )
    return connection.execute(question, (f"%{word}%",)).fetchone() is not None
