"""The commands `works audit …`: whether the audit trail is whole, and the trail itself for whoever reviews it.

Imports stand inside the commands, so that `works --help` answers at once.
"""

import json
import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartlink.works.terminal import DataOption, JsonOption, OrganisationOption, fail, floor, now, say

if TYPE_CHECKING:
    from smartlink.works.access import Access
    from smartlink.works.audit import Head

app = typer.Typer(
    help="Check and export the audit trail of an organisation.",
    epilog="Example: works audit verify --organisation ID",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command(epilog="Example: works audit verify --organisation ID --head 1204:9f86d081…")
def verify(
    organisation: OrganisationOption,
    head: Annotated[
        str | None, typer.Option(help="The head that was printed before: it must still be part of the chain.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Walk the whole chain and say where it breaks. Prints its head; ends with 1 when it is broken."""
    from smartlink.works import audit

    expected = None if head is None else _head(head, as_json=as_json)
    with floor(data, as_json=as_json) as ground:
        found = audit.verify(ground.access, organisation, expected)
        _recorded(ground.access, organisation, "audit_verified", {"broken_at": found.broken_at})
    told = {
        "whole": found.broken_at is None,
        "entries": found.head.seq,
        "head": str(found.head),
        "broken_at": found.broken_at,
        "why": found.why,
    }
    if found.broken_at is None:
        say(told, f"The audit trail is whole: {found.head.seq} entries.\nHead: {found.head}", as_json=as_json)
        return
    say(told, f"The audit trail is broken at entry {found.broken_at}: {found.why}", as_json=as_json)
    raise typer.Exit(1)


@app.command(epilog="Example: works audit export trail.jsonl --organisation ID --since 2026-01-01")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write; one that is there already is not replaced.")],
    organisation: OrganisationOption,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day (UTC).")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the trail to a file, one event a line in JSON, each with its seal."""
    from smartlink.works import audit

    begins = datetime.min.replace(tzinfo=UTC) if since is None else since.replace(tzinfo=UTC)
    ends = now() if until is None else until.replace(tzinfo=UTC) + timedelta(days=1)
    count = 0
    with floor(data, as_json=as_json) as ground:
        try:
            with file.open("x", encoding="utf-8") as opened:
                for entry in audit.export(ground.access, organisation, begins, ends):
                    count += 1
                    opened.write(json.dumps(asdict(entry), ensure_ascii=False, default=_plain) + "\n")
        except OSError as error:
            fail(f"{file} cannot be written: {error.strerror}.", as_json=as_json)
        _recorded(ground.access, organisation, "audit_exported", {"entries": count})
    say({"file": str(file), "entries": count}, f"{count} entries are in {file}.", as_json=as_json)


def _head(text: str, *, as_json: bool) -> "Head":
    from smartlink.works.audit import Head

    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        fail("Write the head as `works audit verify` prints it: a number, a colon, a digest.", as_json=as_json)


def _recorded(access: "Access", organisation: uuid.UUID, action: str, detail: dict[str, object]) -> None:
    """Using the audit trail is an event of its own."""
    from smartlink.works import audit

    with access.organisation(organisation) as site:
        audit.record(
            site,
            now=now(),
            actor_kind="operator",
            actor_id=None,
            action=action,
            object_kind="audit_trail",
            object_id=organisation,
            detail=detail,
        )


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
