"""The command `smartlink audit`: who changed what on this gateway, and when.

Imports stand inside the command, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from smartlink.gateway.terminal import DataOption, JsonOption, catalogue, print_json, print_table, shown

HELP: Final = "List who changed what."
EXAMPLE: Final = "Example: smartlink audit --since 2026-11-01 --json"


def audit(
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what was done since that day (UTC).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the last first.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who changed settings, connections, licence and deliveries, when, and from what to what."""
    from smartlink.gateway.status import audit_of

    begins = datetime(2000, 1, 1, tzinfo=UTC) if since is None else since.replace(tzinfo=UTC)
    with catalogue(data, as_json=as_json) as (_, database):
        found = audit_of(database, begins, limit)
    if as_json:
        print_json({"audit": found})
        return
    columns = ["at", "actor", "action", "object", "old", "new"]
    print_table(columns, [[_words(one[column]) for column in columns] for one in found])


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(inner)}" for name, inner in value.items()) or "-"
    return shown(value)
