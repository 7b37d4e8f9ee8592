"""The command line `smartlink`: reads the request, calls one function, answers in words or JSON.

Imports stand inside the commands, so that `smartlink --help` answers at once.
"""

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

app = typer.Typer(
    name="smartlink",
    help="SmartLink, the DICOM gateway on site: receives images, keeps them safe, carries them to Works.",
    epilog="Example: smartlink activate KEY --works https://works.example.org && smartlink run",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="SMARTLINK_DATA", help="Data folder; by default the system's own place."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def main() -> None:
    """Run the command line."""
    app()


@app.command(short_help="Run the service.", epilog="Example: smartlink run --data /var/lib/smartlink")
def run(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run the service until it is told to stop (Ctrl+C, or SIGTERM)."""
    import signal

    from smartlink.gateway import build
    from smartlink.gateway.errors import StoreFailed
    from smartlink.gateway.log import LogKind, configure

    deployment = _deployment(data)
    log_file = configure(deployment.logs, LogKind.SERVICE, now, "service")
    try:
        service = build.service(deployment, now)
    except (StoreFailed, OSError) as error:
        _fail(str(error), as_json=as_json)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    if as_json:
        _print_json({"data": str(deployment.data), "logs": str(deployment.logs)})
    else:
        typer.echo(f"SmartLink runs. Data: {deployment.data}  Logs: {deployment.logs}  Stop with Ctrl+C.")
    code = service.run()
    log_file.close()
    raise typer.Exit(code)


@app.command(
    short_help="Activate with a license key.",
    epilog="Example: smartlink activate 0ABCD-… --works https://works.example.org",
)
def activate(
    key: Annotated[str, typer.Argument(help="The license key, as Works shows it.")],
    works: Annotated[
        str | None, typer.Option("--works", envvar="SMARTLINK_WORKS_URL", help="Address of Works.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Activate this gateway with a license key; a running service opens its DICOM port at once."""
    from smartlink.gateway import build
    from smartlink.gateway.activation import NotActivated
    from smartlink.gateway.store import licences

    with _catalogue(data, as_json=as_json) as (deployment, database):
        known = database.read(licences.find)
        address = _works_url(works or (None if known is None else known.works_url), as_json=as_json)
        try:
            with _logged(deployment), build.activator(deployment, database, now) as activator:
                done = activator.activate(key, address, now())
        except NotActivated as error:
            _fail(str(error), as_json=as_json, outcome=error.outcome.value)
    answer = {
        "outcome": "accepted",
        "gateway_id": str(done.gateway_id),
        "organisation": done.organisation_name,
        "facility": done.facility_name,
        "works_url": done.works_url,
    }
    _answer(answer, f"Activated for {done.facility_name} ({done.organisation_name}).", as_json=as_json)


@app.command(
    short_help="Show or change settings.", epilog="Example: smartlink settings port=11112 receiver_ae_title=CLINIC1"
)
def settings(
    changes: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Settings to change.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the settings, or change some; a running service follows at once."""
    from smartlink.gateway.settings import SettingRefused, administrator_settings, changed
    from smartlink.gateway.store import settings as stored

    wanted = dict(_pair(text) for text in changes or [])
    with _catalogue(data, as_json=as_json) as (deployment, database):
        known = administrator_settings(database.read(stored.all_values))
        if wanted:
            try:
                after, values = changed(known, wanted)
            except SettingRefused as error:
                _fail(str(error), as_json=as_json)
            database.write(lambda tx: stored.put(tx, values, now()))
            with _logged(deployment):
                _log_changes(known.model_dump(), after.model_dump())
            known = after
    rows = [(name, getattr(known, name), field.description) for name, field in type(known).model_fields.items()]
    if as_json:
        _print_json({name: value for name, value, _ in rows})
    else:
        _table(["Setting", "Value", "Meaning"], [[name, _shown(value), text or ""] for name, value, text in rows])


@app.command(short_help="Show how the gateway does.", epilog="Example: smartlink status --json")
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show licence, receiver, deliveries, disk and the way to Works."""
    from smartlink.gateway.status import status_of

    with _catalogue(data, as_json=as_json) as (deployment, database):
        found = status_of(database, deployment.data, now())
    if as_json:
        _print_json(found)
    else:
        _table(["", "SmartLink"], [[name, text] for name, text in _lines(found)])


@app.command(short_help="List the connected systems.", epilog="Example: smartlink connections")
def connections(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the ultrasound systems, PACS and worklist servers that are connected."""
    from smartlink.gateway.status import connections_of

    with _catalogue(data, as_json=as_json) as (_, database):
        found = connections_of(database)
    if as_json:
        _print_json({"connections": found})
    else:
        columns = ["name", "kind", "ae_title", "host", "status", "last_image_at", "problem"]
        _table(columns, [[_shown(one[column]) for column in columns] for one in found])


@app.command(short_help="List deliveries.", epilog="Example: smartlink queue --state parked --limit 20")
def queue(
    state: Annotated[
        str | None,
        typer.Option(help="Only deliveries that are held, waiting, sending, sent, parked, exhausted or cancelled."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, the newest first, with the totals of each state."""
    from smartlink.gateway.delivery import State
    from smartlink.gateway.status import queue_of

    if state is not None and state not in set(State):
        raise typer.BadParameter(f"There is no state {state}.", param_hint="--state")
    with _catalogue(data, as_json=as_json) as (_, database):
        found = queue_of(database, None if state is None else State(state), limit)
    if as_json:
        _print_json(found)
    else:
        typer.echo("  ".join(f"{name}: {count}" for name, count in found["counts"].items()))
        columns = ["id", "words", "attempts", "calling_ae_title", "sop_instance_uid", "received_at", "sent_at", "cause"]
        _table(columns, [[_shown(one[column]) for column in columns] for one in found["items"]])


def now() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


@contextmanager
def _catalogue(data: Path | None, *, as_json: bool) -> Iterator[tuple[Deployment, Database]]:
    """Open the catalogue, beside a service that may be running."""
    from smartlink.gateway.errors import StoreFailed
    from smartlink.gateway.store.database import open_in

    deployment = _deployment(data)
    try:
        with open_in(deployment.data) as database:
            yield deployment, database
    except (StoreFailed, OSError) as error:
        _fail(str(error), as_json=as_json)


@contextmanager
def _logged(deployment: Deployment) -> Iterator[None]:
    """Send what a person does to the configuration log. Only for commands that change something."""
    from smartlink.gateway.log import LogKind, configure

    log_file = configure(deployment.logs, LogKind.CONFIGURATION, now, "command line")
    try:
        yield
    finally:
        log_file.close()


def _deployment(data: Path | None) -> Deployment:
    from smartlink.gateway.settings import SettingRefused, deployment

    try:
        return deployment(data=data)
    except SettingRefused as error:
        _fail(str(error), as_json=False)


def _works_url(text: str | None, *, as_json: bool) -> str:
    from smartlink.gateway.uplink.address import works_url

    if text is None:
        _fail("Say where Works is: --works https://…, or SMARTLINK_WORKS_URL.", as_json=as_json)
    try:
        return works_url(text)
    except ValueError as error:
        _fail(str(error), as_json=as_json)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"Write NAME=VALUE instead of {text}.")
    return name.strip(), value.strip()


def _log_changes(before: dict[str, Any], after: dict[str, Any]) -> None:
    import structlog

    for name, old in before.items():
        if old != after[name]:
            structlog.get_logger().info("setting_changed", setting=name, old=old, new=after[name])


def _fail(message: str, *, as_json: bool, **more: str) -> NoReturn:
    """Say what went wrong and what to do, and end with code 1."""
    if as_json:
        _print_json({"error": message, **more})
    else:
        typer.echo(message, err=True)
    raise typer.Exit(1)


def _answer(values: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        _print_json(values)
    else:
        typer.echo(sentence)


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_json_value))


def _json_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _table(columns: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _lines(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _lines(inner, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}".replace("_", " "), _shown(inner)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
