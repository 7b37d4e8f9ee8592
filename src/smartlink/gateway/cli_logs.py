"""The command `smartlink logs`: what the service and the configuration did, by type, day, level and words.

Imports stand inside the command, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smartlink.gateway.terminal import DataOption, JsonOption, answer, deployment_of, fail, now, print_json

if TYPE_CHECKING:
    from smartlink.gateway.log_reading import Wanted
    from smartlink.gateway.settings import Deployment

HELP: Final = "Show or export the logs."
EXAMPLE: Final = (
    "Examples: smartlink logs --level error; smartlink logs --search 'upload US01'; smartlink logs --export logs.zip"
)
CONTACT_SUPPORT: Final = "Not in the manual's table of messages: contact support."


class Type(StrEnum):
    """Which log."""

    SERVICE = "service"
    CONFIGURATION = "configuration"
    ALL = "all"


class LevelChoice(StrEnum):
    """Exactly this level; all is the union."""

    INFO = "info"
    ERROR = "error"
    FATAL = "fatal"
    ALL = "all"


def logs(
    kind: Annotated[Type, typer.Option("--type", help="Of the service, of the configuration, or both.")] = Type.ALL,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day (UTC); today when it is not named.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day, when several days are wanted.")
    ] = None,
    level: Annotated[LevelChoice, typer.Option(help="Only this level.")] = LevelChoice.ALL,
    search: Annotated[str, typer.Option(help="Words that must all occur in an entry, in any case of letters.")] = "",
    tail: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the last ones.")] = 100,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write into a new file: .zip takes whole files, else the entries found."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last entries of the logs, or write them into a file to send to support. No licence is needed.

    Review the logs regularly: `smartlink logs --level error` is what to begin with.
    """
    from smartlink.gateway import log_reading
    from smartlink.gateway.log import LogKind

    deployment = deployment_of(data)
    first = (date or now()).date()
    wanted = log_reading.Wanted(
        first,
        until.date() if until else first,
        {Type.SERVICE: LogKind.SERVICE, Type.CONFIGURATION: LogKind.CONFIGURATION}.get(kind),
        None if level is LevelChoice.ALL else log_reading.Level(level.value),
        tuple(search.split()),
    )
    if wanted.last < wanted.first:
        raise typer.BadParameter("The last day is before the first.", param_hint="--until")
    if export is not None:
        _export(deployment, wanted, export, as_json=as_json)
        return
    found = log_reading.tail(deployment.logs, wanted, tail)
    if as_json:
        print_json({"folder": str(deployment.logs), "entries": found})
        return
    for entry in found:
        typer.echo(_words(entry))
    if not found:
        typer.echo(f"No such entries from {wanted.first} to {wanted.last} in {deployment.logs}.")


def _export(deployment: Deployment, wanted: Wanted, target: Path, *, as_json: bool) -> None:
    from smartlink.gateway import log_reading

    whole = target.suffix.lower() == ".zip"
    if whole and (wanted.level or wanted.words):
        raise typer.BadParameter("A zip takes whole files: leave out --level and --search.", param_hint="--export")
    try:
        make = log_reading.export_zip if whole else log_reading.export_lines
        count = make(deployment.logs, wanted, target)
    except FileExistsError:
        fail(f"There is a file {target} already. Name a new one.", as_json=as_json)
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror}.", as_json=as_json)
    what = "files" if whole else "entries"
    answer({"file": str(target), what: count}, f"{count} {what} are in {target}.", as_json=as_json)


def _words(entry: dict[str, Any]) -> str:
    """One entry for a person: time, level, type, what happened, then the rest; the action on a line of its own."""
    level = str(entry.get("level", "-"))
    text = str(entry.get("message") or entry.get("event", ""))
    known = {"time", "level", "type", "component", "event", "message", "message_number", "action"}
    more = " ".join(f"{name}={value}" for name, value in entry.items() if name not in known)
    action = entry.get("action")
    if action is None and level in {"error", "fatal"}:
        action = CONTACT_SUPPORT
    line = f"{entry.get('time', '-')} {level.upper():5} {entry['type']}  {text}{'  ' + more if more else ''}"
    return f"{line}\n    {action}" if action else line
