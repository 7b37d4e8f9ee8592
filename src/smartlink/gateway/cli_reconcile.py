"""The command `smartlink reconcile`: whether what was sent is where it should be, and sending again what is not.

Imports stand inside the command, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smartlink.gateway.terminal import DataOption, JsonOption, catalogue, fail, logged, now, print_json, print_table

if TYPE_CHECKING:
    from smartlink.gateway.settings import Deployment
    from smartlink.gateway.store.database import Database

HELP: Final = "Compare what was sent with what arrived."
EXAMPLE: Final = (
    "Examples: smartlink reconcile; smartlink reconcile --since 2026-11-01 --resend; smartlink reconcile --last"
)


def reconcile(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Since that day (UTC); by default the last 7 days.")
    ] = None,
    resend: Annotated[bool, typer.Option("--resend", help="Send again what is missing.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Ask nobody; show what was found last.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what each ultrasound system sent with Works, and what was sent to each PACS with the PACS.

    A PACS is asked by C-FIND; where it does not answer that, the report says so. The running service compares once a
    day. Ends with 1 when something is not where it should be.
    """
    with catalogue(data, as_json=as_json) as (deployment, database):
        if last:
            found = _last(database)
        else:
            with logged(deployment):
                found = _run(deployment, database, since, resend=resend, as_json=as_json)
    if as_json:
        print_json({"connections": found})
    else:
        _print(found)
    if any(one["differences"] or one["problem"] for one in found):
        raise typer.Exit(1)


def _last(database: Database) -> list[dict[str, Any]]:
    from smartlink.gateway.store import reconciliations

    return database.read(reconciliations.latest)


def _run(
    deployment: Deployment, database: Database, since: datetime | None, *, resend: bool, as_json: bool
) -> list[dict[str, Any]]:
    from smartlink.gateway import build
    from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
    from smartlink.gateway.reconciliation import LOOKS_BACK

    begins = now() - LOOKS_BACK if since is None else since.replace(tzinfo=UTC)
    try:
        with build.works_client(deployment, database, now) as works:
            reports = build.reconciliation(deployment, database, works).run(begins, now(), resend=resend)
    except (TryAgain, GiveUp, LicenceRevoked) as error:
        fail(f"Nothing was compared, for Works does not answer: {error}", as_json=as_json)
    return [one.as_json() for one in reports]


def _print(found: list[dict[str, Any]]) -> None:
    for one in found:
        typer.echo(one["sentence"])
    rows = [
        [one["name"], each["finding"].replace("_", " "), each["study_instance_uid"], each["sop_instance_uid"]]
        for one in found
        for each in one["differences"]
    ]
    if rows:
        print_table(["connection", "finding", "study_instance_uid", "sop_instance_uid"], rows)
    if not found:
        typer.echo("There is nothing to compare yet.")
