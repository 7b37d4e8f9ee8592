"""The command line `smartlink`: reads the request, calls one function, answers in words or JSON.

Imports stand inside the commands, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartlink.gateway import cli_connections
from smartlink.gateway.terminal import (
    DataOption,
    JsonOption,
    answer,
    catalogue,
    deployment_of,
    fail,
    logged,
    now,
    print_json,
    print_table,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(
    name="smartlink",
    help="SmartLink, the DICOM gateway on site: receives images, keeps them safe, carries them to Works.",
    epilog="Example: smartlink activate KEY --works https://works.example.org && smartlink run",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(cli_connections.app, name="connections", short_help="List and change the connected systems.")


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
    from smartlink.gateway.platform import descriptors

    deployment = deployment_of(data)
    descriptors.raise_limit()
    log_file = configure(deployment.logs, LogKind.SERVICE, now, "service")
    try:
        service = build.service(deployment, now)
    except (StoreFailed, OSError) as error:
        fail(str(error), as_json=as_json)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    if as_json:
        print_json({"data": str(deployment.data), "logs": str(deployment.logs)})
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

    with catalogue(data, as_json=as_json) as (deployment, database):
        known = database.read(licences.find)
        address = _works_url(works or (None if known is None else known.works_url), as_json=as_json)
        try:
            with logged(deployment), build.activator(deployment, database, now) as activator:
                done = activator.activate(key, address, now())
        except NotActivated as error:
            fail(str(error), as_json=as_json, outcome=error.outcome.value)
    values = {
        "outcome": "accepted",
        "gateway_id": str(done.gateway_id),
        "organisation": done.organisation_name,
        "facility": done.facility_name,
        "works_url": done.works_url,
    }
    answer(values, f"Activated for {done.facility_name} ({done.organisation_name}).", as_json=as_json)


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
    with catalogue(data, as_json=as_json) as (deployment, database):
        known = administrator_settings(database.read(stored.all_values))
        if wanted:
            try:
                after, values = changed(known, wanted)
            except SettingRefused as error:
                fail(str(error), as_json=as_json)
            database.write(lambda tx: stored.put(tx, values, now()))
            with logged(deployment):
                _log_changes(known.model_dump(), after.model_dump())
            known = after
    rows = [(name, getattr(known, name), field.description) for name, field in type(known).model_fields.items()]
    if as_json:
        print_json({name: value for name, value, _ in rows})
    else:
        print_table(["Setting", "Value", "Meaning"], [[name, shown(value), text or ""] for name, value, text in rows])


@app.command(short_help="Show how the gateway does.", epilog="Example: smartlink status --json")
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show licence, receiver, deliveries, disk and the way to Works."""
    from smartlink.gateway.status import status_of

    with catalogue(data, as_json=as_json) as (deployment, database):
        found = status_of(database, deployment.data, now())
    if as_json:
        print_json(found)
    else:
        print_table(["", "SmartLink"], [[name, text] for name, text in _lines(found)])


@app.command(short_help="List callers that were turned away.", epilog="Example: smartlink refusals --json")
def refusals(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the last first.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who was turned away at the DICOM port in the last 30 days: each caller with the reason, and how often."""
    from smartlink.gateway.status import refusals_of

    with catalogue(data, as_json=as_json) as (_, database):
        found = refusals_of(database, limit)
    if as_json:
        print_json({"refusals": found})
    else:
        columns = ["calling_ae_title", "called_ae_title", "address", "why", "times", "first_at", "last_at"]
        print_table(columns, [[shown(one[column]) for column in columns] for one in found])


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
    with catalogue(data, as_json=as_json) as (_, database):
        found = queue_of(database, None if state is None else State(state), limit)
    if as_json:
        print_json(found)
    else:
        typer.echo("  ".join(f"{name}: {count}" for name, count in found["counts"].items()))
        columns = ["id", "destination", "words", "attempts", "sop_instance_uid", "received_at", "sent_at", "cause"]
        print_table(columns, [[shown(one[column]) for column in columns] for one in found["items"]])


@app.command(short_help="Try deliveries again.", epilog="Example: smartlink retry 17 18, or: smartlink retry --parked")
def retry(
    deliveries: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Deliveries, as `smartlink queue` shows them.")
    ] = None,
    parked: Annotated[bool, typer.Option("--parked", help="All that need attention.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try parked or waiting deliveries again at once, each in a new retry window."""
    from smartlink.gateway.errors import Refused
    from smartlink.gateway.retrying import try_again

    if not deliveries and not parked:
        raise typer.BadParameter("Say which deliveries, or --parked.")
    with catalogue(data, as_json=as_json) as (deployment, database), logged(deployment):
        try:
            tried = try_again(database, deliveries or (), parked=parked, now=now())
        except Refused as refusal:
            fail(str(refusal), as_json=as_json)
    if as_json:
        print_json({"tried_again": tried})
    else:
        typer.echo(f"{len(tried)} deliveries are tried again.")


def _works_url(text: str | None, *, as_json: bool) -> str:
    from smartlink.gateway.uplink.address import works_url

    if text is None:
        fail("Say where Works is: --works https://…, or SMARTLINK_WORKS_URL.", as_json=as_json)
    try:
        return works_url(text)
    except ValueError as error:
        fail(str(error), as_json=as_json)


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


def _lines(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _lines(inner, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}".replace("_", " "), shown(inner)
