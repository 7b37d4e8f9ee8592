"""The commands `works worklist …`: how the worklists of a facility do, reading them anew, picking a step for an exam.

Nothing of the patient is printed. Imports stand inside the commands, so that `works --help` answers at once.
"""

import uuid
from dataclasses import asdict
from typing import Annotated, Any

import typer

from smartlink.works.terminal import (
    DataOption,
    FacilityOption,
    JsonOption,
    OrganisationOption,
    fail,
    floor,
    now,
    say,
    site_of,
)

app = typer.Typer(
    help="Show and refresh the worklists of a facility, and pick a step for an exam.",
    epilog="Example: works worklist list --organisation ID --facility ID",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

SpecialtyOption = Annotated[uuid.UUID | None, typer.Option("--specialty", help="Only the servers of this specialty.")]
AsOption = Annotated[uuid.UUID | None, typer.Option("--as", metavar="PERSON", help="Act as this person.")]
_OF_STEP = ("id", "connection_id", "start_at", "start_has_time", "modality", "station_ae_title", "guessed")


@app.command("list", epilog="Example: works worklist list --organisation ID --facility ID --json")
def list_(
    organisation: OrganisationOption,
    facility: FacilityOption,
    specialty: SpecialtyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each server with the age of its list, and the scheduled steps, each once, without their patients."""
    from smartlink.works.store import worklists
    from smartlink.works.worklist.picking import MOST

    with site_of(data, organisation, as_json=as_json) as site:
        servers = worklists.servers(site, facility, specialty, now())
        found = worklists.listing(site, facility, specialty, now(), most=MOST)
    lines = [
        f"{one.name} ({one.ae_title}): {one.items} steps, read {one.fetched_at or 'never'}"
        + (f", fails since {one.failing_since}: {one.problem}" if one.failing_since else "")
        for one in servers
    ]
    lines += [f"  {one.start_at}  {one.modality or '-'}  {one.id}" for one in found]
    told: dict[str, Any] = {"servers": [asdict(one) for one in servers]}
    told["steps"] = [{name: getattr(one, name) for name in _OF_STEP} for one in found]
    say(told, "\n".join(lines) or "No worklist server.", as_json=as_json)


@app.command(epilog="Example: works worklist refresh --organisation ID --facility ID")
def refresh(
    organisation: OrganisationOption,
    facility: FacilityOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have the facility's gateways read their worklists now."""
    from smartlink.works.exams.rights import Actor
    from smartlink.works.worklist import refreshing

    with floor(data, as_json=as_json) as ground:
        asked = refreshing.refresh(ground.access, Actor(organisation, person), facility, now())
    say(asdict(asked), f"{asked.servers} worklist servers are asked by {asked.gateways} gateways.", as_json=as_json)


@app.command(epilog="Example: works worklist pick EXAM STEP --organisation ID --as PERSON")
def pick(
    exam: Annotated[uuid.UUID, typer.Argument(metavar="EXAM", help="The exam's id.")],
    step: Annotated[
        uuid.UUID, typer.Argument(metavar="STEP", help="The step's id, as `works worklist list` shows it.")
    ],
    organisation: OrganisationOption,
    person: AsOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm without being asked.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an exam patient and order of a scheduled step, once it is confirmed which values change."""
    from smartlink.works.exams.rights import Actor
    from smartlink.works.store import submissions
    from smartlink.works.worklist import picking

    with floor(data, as_json=as_json) as ground:
        actor = Actor(organisation, person)
        with ground.access.organisation(organisation) as site:
            known = submissions.exam(site, exam)
        if known is None:
            fail("There is no such exam.", as_json=as_json)
        picked = picking.preview(ground.access, actor, exam, known.version, step, now())
        changed = [change.name for change in picked.changes]
        if not yes:
            typer.confirm(f"These values change: {', '.join(changed) or 'none'}. Confirm?", abort=True, err=True)
        identity = picking.pick(ground.access, actor, exam, known.version, step, now(), seen=picked.seen)
    say({"exam_id": exam, "identity_id": identity, "changed": changed}, "Confirmed.", as_json=as_json)
