"""The commands `smartlink worklist …`: list, refresh, and how each worklist server is asked.

Patients are shown only when they are asked for. Imports stand inside the commands, so that `smartlink --help` answers
at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartlink.gateway.terminal import (
    DataOption,
    JsonOption,
    answer,
    catalogue,
    fail,
    logged,
    now,
    print_json,
    print_table,
    shown,
)

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(
    help="List and refresh the worklists, and set how each worklist server is asked.",
    epilog="Example: smartlink worklist refresh && smartlink worklist list --items",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

ItemsOption = Annotated[bool, typer.Option("--items", help="Also show the scheduled steps, with their patients.")]
WhichOption = Annotated[
    str | None, typer.Argument(metavar="[WHICH]", help="One server by its AE title, name or id; all without it.")
]


@app.command(
    "list", short_help="Show the worklists and their age.", epilog="Example: smartlink worklist list --items --json"
)
def list_(items: ItemsOption = False, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show each worklist server: how old its list is, how long it is, and what is wrong if it fails."""
    _list(data, items=items, as_json=as_json)


@app.command(short_help="Ask the worklist servers now.", epilog="Example: smartlink worklist refresh HOSPITAL")
def refresh(
    which: WhichOption = None, items: ItemsOption = False, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Ask the worklist servers now; the running service tells Works. Ends with 1 when one of them gave no list."""
    from smartlink.gateway import connecting, toolbox, worklists
    from smartlink.gateway.errors import Refused
    from smartlink.gateway.store import connections
    from smartlink.link.connections import Kind

    with catalogue(data, as_json=as_json) as (deployment, database):
        try:
            chosen = database.read(connections.live) if which is None else [connecting.find(database, which)]
        except Refused as refusal:
            fail(str(refusal), as_json=as_json)
        servers = [one for one in chosen if one.kind is Kind.WORKLIST]
        if not servers:
            fail("There is no worklist server: smartlink connections add NAME --kind worklist …", as_json=as_json)
        tools = toolbox.worklist_tools(deployment, database, now)
        failed = [why for one in servers if (why := worklists.refresh(tools, one, lambda: False)) is not None]
    _list(data, items=items, as_json=as_json)
    raise typer.Exit(1 if failed else 0)


@app.command(
    "set",
    short_help="Set how a worklist server is asked.",
    epilog="Example: smartlink worklist set HOSPITAL --time-zone America/Bogota --modality US",
)
def set_(
    which: Annotated[str, typer.Argument(metavar="WHICH", help="The server's AE title, name or id.")],
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="IANA time zone of its times; '' is the facility's own.")
    ] = None,
    modality: Annotated[
        str | None, typer.Option("--modality", help="Modality that is asked for, such as US; '' is every one.")
    ] = None,
    station: Annotated[
        str | None, typer.Option("--station-ae-title", help="Scheduled Station AE Title; '' is every one.")
    ] = None,
    character_set: Annotated[
        str | None,
        typer.Option(
            "--character-set",
            help="In which text is read that cannot be what the server declares, such as ISO_IR 100 or Shift_JIS.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set how a worklist server is asked; a running service asks it so at once."""
    from dataclasses import asdict

    from smartlink.gateway import connecting
    from smartlink.gateway.connections import Changes
    from smartlink.gateway.errors import Refused
    from smartlink.gateway.worklist import QueryChanges

    query = QueryChanges(time_zone, modality, station, character_set)
    with catalogue(data, as_json=as_json) as (deployment, database), logged(deployment):
        try:
            known = connecting.find(database, which)
            after = connecting.edit(database, known.id, Changes(query=query), now())
        except Refused as refusal:
            fail(str(refusal), as_json=as_json)
    values: dict[str, Any] = {"id": str(after.id), "ae_title": str(after.ae_title)}
    values["query"] = None if after.query is None else asdict(after.query)
    answer(values, f"{after.name} is asked so from now on.", as_json=as_json)


def _list(data: Path | None, *, items: bool, as_json: bool) -> None:
    from smartlink.gateway.status import worklists_of

    with catalogue(data, as_json=as_json) as (_, database):
        found = worklists_of(database, with_items=items)
    if as_json:
        print_json({"worklists": found})
        return
    columns = [
        "name",
        "ae_title",
        "fetched_at",
        "items",
        "truncated",
        "unreadable",
        "failing_since",
        "problem",
        "remedy",
    ]
    print_table(columns, [[shown(one[column]) for column in columns] for one in found])
    if items:
        fields = ["start_at", "patient_name", "patient_id", "accession_number", "step_description", "modality"]
        rows = [[one["ae_title"], *(shown(item[name]) for name in fields)] for one in found for item in one["list"]]
        print_table(["server", *fields], rows)
