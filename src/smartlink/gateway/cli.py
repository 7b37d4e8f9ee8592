"""The command line `smartlink`: reads the request, calls one function, answers in words or JSON.

Imports stand inside the commands, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartlink.gateway import (
    cli_audit,
    cli_connections,
    cli_diagnose,
    cli_logs,
    cli_reconcile,
    cli_support,
    cli_updates,
    cli_worklist,
)
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

    from smartlink.gateway.repair import Report
    from smartlink.gateway.settings import Deployment, SmartLinkSettings
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
app.command("reconcile", short_help=cli_reconcile.HELP, epilog=cli_reconcile.EXAMPLE)(cli_reconcile.reconcile)
app.command("audit", short_help=cli_audit.HELP, epilog=cli_audit.EXAMPLE)(cli_audit.audit)
app.command("logs", short_help=cli_logs.HELP, epilog=cli_logs.EXAMPLE)(cli_logs.logs)
app.command("support-bundle", short_help=cli_support.HELP, epilog=cli_support.EXAMPLE)(cli_support.support_bundle)
app.command("update-check", short_help=cli_updates.HELP, epilog=cli_updates.EXAMPLE)(cli_updates.update_check)
app.add_typer(cli_diagnose.app)
app.add_typer(cli_connections.app, name="connections", short_help="List and change the connected systems.")
app.add_typer(cli_worklist.app, name="worklist", short_help="List and refresh the worklists.")


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
        build.log_not_started(error)
        log_file.close()
        fail(str(error), as_json=as_json)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    if as_json:
        print_json({"data": str(deployment.data), "logs": str(deployment.logs)})
    else:
        typer.echo(f"SmartLink runs. Data: {deployment.data}  Logs: {deployment.logs}  Stop with Ctrl+C.")
    code = service.run()
    log_file.close()
    if service.trouble:
        fail(service.trouble, as_json=as_json)
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


@app.command(short_help="Give the licence back and stop.", epilog="Example: smartlink release --yes")
def release(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also when Works cannot be told.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the licence back: the DICOM port closes, images are kept, and the key can be used by another gateway."""
    from smartlink.gateway import build, releasing
    from smartlink.gateway.errors import Refused
    from smartlink.gateway.store import counters
    from smartlink.gateway.store.deliveries import WORKS

    with catalogue(data, as_json=as_json) as (deployment, database), logged(deployment):
        counts = database.read(lambda tx: counters.deliveries(tx, WORKS))
        waiting = sum(n for state, n in counts.items() if not state.is_final)
        if not yes:
            typer.confirm(f"Give the licence back and stop? {waiting} images are not uploaded.", abort=True, err=True)
        try:
            with build.works_client(deployment, database, now) as works:
                told = releasing.release(database, works, now(), anyway=anyway)
        except Refused as refusal:
            fail(str(refusal), as_json=as_json)
    free = "Its key is free." if told else "Works was not told: its key is free after 24 hours."
    kept = "Images that were not uploaded are kept; they go when it is activated for the same facility."
    answer({"works_told": told, "pending": waiting}, f"Released. {free} {kept}", as_json=as_json)


@app.command(
    short_help="Show or change settings.", epilog="Example: smartlink settings port=11112 receiver_ae_title=CLINIC1"
)
def settings(
    changes: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Settings to change.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the settings, or change some; a running service follows at once."""
    wanted = dict(_pair(text) for text in changes or [])
    with catalogue(data, as_json=as_json) as (deployment, database):
        known = _settings(database)
        if wanted:
            known = _change(deployment, database, known, wanted, as_json=as_json)
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


@app.command(
    short_help="List new, waiting, blocked and refused callers.", epilog="Example: smartlink callers --days 7 --json"
)
def callers(
    days: Annotated[int, typer.Option(min=1, max=30, help="Those of so many days; who waits is always listed.")] = 7,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the last first.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who called lately and was not known, waits for approval, is blocked, or was turned away and why."""
    from smartlink.gateway.status import callers_of

    with catalogue(data, as_json=as_json) as (_, database):
        found = callers_of(database, now() - timedelta(days=days), limit)
    if as_json:
        print_json({"callers": found})
    else:
        columns = ["calling_ae_title", "address", "state", "why", "times", "first_at", "last_at"]
        print_table(columns, [[shown(one[column]) for column in columns] for one in found])
        typer.echo("Let one in with: smartlink connections approve WHICH")


@app.command(
    short_help="List kinds of images that were not taken, or allow one.",
    epilog="Example: smartlink syntaxes --allow 1.2.840.113619.4.30",
)
def syntaxes(
    allow: Annotated[str | None, typer.Option("--allow", metavar="UID", help="Take this kind of image, too.")] = None,
    refuse: Annotated[
        str | None, typer.Option("--refuse", metavar="UID", help="Do not take this kind of image any more.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the private and unknown SOP Classes that ultrasound systems offered, and say which of them are taken."""
    from smartlink.gateway.status import syntaxes_of

    with catalogue(data, as_json=as_json) as (deployment, database):
        if allow is not None or refuse is not None:
            known = _settings(database)
            taken = dict.fromkeys(known.abstract_syntaxes)
            taken.update({allow: None} if allow else {})
            taken.pop(refuse or "", None)
            wanted = {"abstract_syntaxes": ",".join(taken) or "none"}
            _change(deployment, database, known, wanted, as_json=as_json)
        taken_now = list(_settings(database).abstract_syntaxes)
        found = syntaxes_of(database, limit)
    if as_json:
        print_json({"allowed": taken_now, "offered": found})
    else:
        columns = ["calling_ae_title", "abstract_syntax_uid", "times", "last_at"]
        print_table([*columns, "taken"], [[*(shown(one[column]) for column in columns), _taken(one)] for one in found])
        typer.echo("Take one with: smartlink syntaxes --allow UID")


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


@app.command(
    short_help="Repair the catalogue.",
    epilog="Examples: smartlink repair; smartlink repair --rebuild --json; smartlink repair --data /var/lib/smartlink",
)
def repair(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the catalogue anew from the spool even if it is sound.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the catalogue with the images in the spool; make it anew if it is damaged or gone.

    Stop the service first. No image of a scanner is removed, and none is put twice into Works, which knows what it
    has; the damaged catalogue is kept aside. Licence, settings, connections and orders are taken over as far as they
    can still be read; what cannot is named, with what to do. Ends with 0 when catalogue and spool agree, with 1 when
    nothing could be done or images are missing.
    """
    from smartlink.gateway import build
    from smartlink.gateway.errors import Refused, StoreFailed

    deployment = deployment_of(data)
    with logged(deployment):
        try:
            report = build.repair(deployment, now, rebuild=rebuild)
        except (Refused, StoreFailed, OSError) as error:
            fail(str(error), as_json=as_json)
    answer(_repaired(report), "\n".join(_repair_words(report)), as_json=as_json)
    raise typer.Exit(1 if report.missing else 0)


def _repaired(report: Report) -> dict[str, Any]:
    from smartlink.gateway.repair import WHAT_TO_DO

    return {
        "problem": report.problem,
        "rebuilt": report.rebuilt,
        "kept_aside": report.kept_aside,
        "taken_over": [part.value for part in report.taken_over],
        "lost": {part.value: WHAT_TO_DO[part] for part in report.lost},
        "taken_in": report.taken_in,
        "unreadable": report.unreadable,
        "incomplete": report.incomplete,
        "missing": report.missing,
    }


def _repair_words(report: Report) -> Iterator[str]:
    from smartlink.gateway.repair import WHAT_TO_DO

    yield "The catalogue is sound." if report.problem is None else f"The catalogue was damaged: {report.problem}."
    if report.rebuilt:
        yield f"It was made anew from the spool: {report.taken_in} images, {report.unreadable} of them unreadable."
        yield "All of them are offered to Works again, which takes only what it has not."
    elif report.taken_in:
        yield f"{report.taken_in} images of the spool were not in it, and are now."
    if report.kept_aside:
        yield f"The former catalogue is kept in {report.kept_aside}."
    if report.taken_over:
        yield f"Taken over from it: {', '.join(report.taken_over)}."
    if report.lost:
        yield "Not to be read any more:"
        yield from (f"  {WHAT_TO_DO[part]}" for part in report.lost)
    if report.incomplete:
        yield f"{report.incomplete} files were not whole and are now in the folder `incomplete`."
    if report.missing:
        yield f"{report.missing} images that Works has not are without their file: restore the spool from a backup."
    yield "Start the service now: smartlink run."


def _taken(offered: dict[str, Any]) -> str:
    if offered["allowed"]:
        return "yes"
    return "no: allow?" if offered["may_be_allowed"] else "no: a service, not a kind of image"


def _settings(database: Database) -> SmartLinkSettings:
    from smartlink.gateway.settings import administrator_settings
    from smartlink.gateway.store import settings as stored

    return administrator_settings(database.read(stored.all_values))


def _change(
    deployment: Deployment, database: Database, known: SmartLinkSettings, wanted: dict[str, str], *, as_json: bool
) -> SmartLinkSettings:
    """Store changed settings, log them, and return all of them; a refusal ends the command."""
    from smartlink.gateway.certificates import check_receiver
    from smartlink.gateway.errors import Refused
    from smartlink.gateway.platform.sockets import why_not_bound
    from smartlink.gateway.settings import SettingRefused, changed
    from smartlink.gateway.store import settings as stored

    try:
        after, values = changed(known, wanted)
        check_receiver(after, now())
    except (SettingRefused, Refused) as error:
        fail(str(error), as_json=as_json)
    ours = {known.port, known.tls_port}  # the running service may hold them
    for port in {after.port, after.tls_port} - ours - {None, 0}:
        if port is not None and (why := why_not_bound(deployment.bind, port)) is not None:
            fail(f"Port {port} cannot be used: {why}. Choose another one; the old settings stay.", as_json=as_json)
    database.write(lambda tx: stored.put(tx, values, now()))
    with logged(deployment):
        _log_changes(known.model_dump(), after.model_dump())
    return after


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
