"""The roles that Works needs in a PostgreSQL server, and its database.

- `works_owner` owns the database and its tables, and migrates them. Row-level security binds it too (FORCE).
- `works_app` is what the running program signs in as: no superuser, bypasses nothing, owns nothing, is in no role.
- `works_lookup` owns the look-up functions; nobody signs in as it, and only works_owner may act as it.

Where the server is not ours, its administrator runs the same statements (docs/operate).
"""

import hashlib
import hmac

import psycopg
from psycopg import sql

OWNER = "works_owner"
APPLICATION = "works_app"
LOOKUP = "works_lookup"
DATABASE = "works"
ONE_AT_A_TIME = 5104_0002


def password_of(role: str, secret: str) -> str:
    """The password of `role` in an embedded server, from that server's own secret: nothing more to keep."""
    return hmac.new(secret.encode(), role.encode(), hashlib.sha256).hexdigest()


def prepare(superuser_url: str, *, owner_password: str, application_password: str, database: str = DATABASE) -> None:
    """The three roles exist with these passwords, and the database exists and is works_owner's. Repeatable."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (ONE_AT_A_TIME,))
        _role(connection, OWNER, owner_password)
        _role(connection, APPLICATION, application_password)
        _role(connection, LOOKUP, None)
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(LOOKUP), sql.Identifier(OWNER)))
        create_database(connection, database)


def create_database(connection: psycopg.Connection[tuple[object, ...]], name: str, template: str | None = None) -> None:
    """A database owned by works_owner, which only Works' roles may enter; nothing happens if there is one already."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        return
    words = {"name": sql.Identifier(name), "owner": sql.Identifier(OWNER), "app": sql.Identifier(APPLICATION)}
    copied = sql.SQL("") if template is None else sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    connection.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**words) + copied)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**words))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {name} TO {app}").format(**words))


def _role(connection: psycopg.Connection[tuple[object, ...]], name: str, password: str | None) -> None:
    """One role with exactly these rights. Without a password nobody can sign in as it."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    login = sql.SQL("NOLOGIN") if password is None else sql.SQL("LOGIN PASSWORD {}").format(sql.Literal(password))
    connection.execute(
        sql.SQL("{} ROLE {} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION {}").format(
            verb, sql.Identifier(name), login
        )
    )
