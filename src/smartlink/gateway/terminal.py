"""What the commands of `smartlink` have in common: opening the catalogue, the log, answers in words or JSON."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smartlink.gateway.settings import Deployment
    from smartlink.gateway.store.database import Database

DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="SMARTLINK_DATA", help="Data folder; by default the system's own place."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def now() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


@contextmanager
def catalogue(data: Path | None, *, as_json: bool) -> Iterator[tuple[Deployment, Database]]:
    """Open the catalogue, beside a service that may be running."""
    from smartlink.gateway.errors import StoreFailed
    from smartlink.gateway.store import audit
    from smartlink.gateway.store.database import open_in

    acting = audit.ACTOR.set(f"command line: {_account()}")
    deployment = deployment_of(data)
    try:
        with open_in(deployment.data) as database:
            yield deployment, database
    except (StoreFailed, OSError) as error:
        fail(str(error), as_json=as_json)
    finally:
        audit.ACTOR.reset(acting)


def _account() -> str:
    """The account of the machine that a person works under."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name
        return "unknown"


@contextmanager
def logged(deployment: Deployment) -> Iterator[None]:
    """Send what a person does to the configuration log. Only for commands that change something."""
    from smartlink.gateway.log import LogKind, configure

    log_file = configure(deployment.logs, LogKind.CONFIGURATION, now, "command line")
    try:
        yield
    finally:
        log_file.close()


def deployment_of(data: Path | None) -> Deployment:
    """Return the settings of this installation, or end with what is wrong with them."""
    from smartlink.gateway.settings import SettingRefused, deployment

    try:
        return deployment(data=data)
    except SettingRefused as error:
        fail(str(error), as_json=False)


def fail(message: str, *, as_json: bool, **more: str) -> NoReturn:
    """Say what went wrong and what to do, and end with code 1."""
    if as_json:
        print_json({"error": message, **more})
    else:
        typer.echo(message, err=True)
    raise typer.Exit(1)


def answer(values: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    """Answer a program with the values, a person with the sentence."""
    if as_json:
        print_json(values)
    else:
        typer.echo(sentence)


def print_json(value: object) -> None:
    """Print one JSON value, for programs."""
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_json_value))


def _json_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print rows under columns, for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def shown(value: object) -> str:
    """Return the text that a person reads for a value."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in value) or "-"
    return "-" if value is None else str(value)
