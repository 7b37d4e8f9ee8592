"""The commands `works deletions …`, `works holds …` and `works retention …`: what is deleted, and what must not be.

Imports stand inside the commands, so that `works --help` answers at once.
"""

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smartlink.works.cli_exams import AsOption, ExamArgument, acting, exam_of
from smartlink.works.terminal import DataOption, JsonOption, OrganisationOption, fail, now, say

if TYPE_CHECKING:
    from smartlink.works.access import Access
    from smartlink.works.exams.rights import Actor

deletions = typer.Typer(
    help="Delete exams and images, list what was deleted and what came again, take a deletion back.",
    epilog="Example: works deletions exam EXAM --organisation ID --reason 'Wrong patient'",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
holds = typer.Typer(
    help="Put an exam under legal hold, so that nothing of it is deleted or removed, or end that.",
    epilog="Example: works holds place EXAM --organisation ID --reason 'Case 12/345'",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
RETENTION_EXAMPLE: Final = "Example: works retention --organisation ID --exam-days 3650"
ReasonOption = Annotated[str, typer.Option(help="Why; without a word about the patient.")]
DeletionArgument = Annotated[uuid.UUID, typer.Argument(metavar="DELETION", help="A deletion's id.")]


@deletions.command("list", epilog="Example: works deletions list --organisation ID")
def listing(
    organisation: OrganisationOption, person: AsOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """List what was deleted, until when it can be taken back, and what of it came again."""
    from smartlink.works.exams import deletion

    with acting(data, organisation, person, as_json=as_json) as (access, _):
        found = deletion.listing(access, organisation, person)
    lines = []
    for one in found:
        what = "exam" if one.instance_id is None else "image of exam"
        state = (
            "taken back" if one.undone_at else "removed" if one.removed_at else f"removed on {one.remove_at:%Y-%m-%d}"
        )
        held = ", held" if one.held else ""
        resent = f", {one.resent} images came again" if one.resent else ""
        lines.append(f"{one.id}  {what} {one.exam_id}  {one.images} images, {state}{held}{resent}: {one.reason}")
    say({"deletions": [asdict(one) for one in found]}, "\n".join(lines) or "Nothing was deleted.", as_json=as_json)


@deletions.command(epilog="Example: works deletions exam EXAM --organisation ID --reason 'Wrong patient'")
def exam(
    exam: ExamArgument,
    organisation: OrganisationOption,
    reason: ReasonOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an exam: it is hidden at once and no longer sent, and removed after the organisation's days."""
    from smartlink.works.exams import deletion

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id, _ = exam_of(access, actor, exam, as_json=as_json)
        done = deletion.delete_exam(access, actor, exam_id, reason, now())
    say({"deletion_id": done}, f"Deleted. To take it back: works deletions undo {done}", as_json=as_json)


@deletions.command(epilog="Example: works deletions image EXAM IMAGE --organisation ID --reason 'Blurred'")
def image(
    exam: ExamArgument,
    instance: Annotated[str, typer.Argument(metavar="IMAGE", help="The image's id, or its SOP Instance UID.")],
    organisation: OrganisationOption,
    reason: ReasonOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete one image of an exam, in all its versions."""
    from smartlink.works.exams import deletion

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id, _ = exam_of(access, actor, exam, as_json=as_json)
        instance_id = _instance(access, actor, instance, as_json=as_json)
        done = deletion.delete_instance(access, actor, exam_id, instance_id, reason, now())
    say({"deletion_id": done}, f"Deleted. To take it back: works deletions undo {done}", as_json=as_json)


@deletions.command(epilog="Example: works deletions undo DELETION --organisation ID")
def undo(
    deletion: DeletionArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a deletion back: what is still there is shown again, and what came again is taken in."""
    from smartlink.works.exams import deletion as use_case
    from smartlink.works.tasks.producer import Producer

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        resent = use_case.undo(access, actor, deletion, Producer(), now())
    say({"deletion_id": deletion, "resent": resent}, f"Taken back; {resent} images came again.", as_json=as_json)


@deletions.command("discard-resent", epilog="Example: works deletions discard-resent DELETION --organisation ID")
def discard_resent(
    deletion: DeletionArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove what came again after a deletion."""
    from smartlink.works.exams import deletion as use_case

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        discarded = use_case.discard_resent(access, actor, deletion, now())
    say({"deletion_id": deletion, "discarded": discarded}, f"{discarded} images are discarded.", as_json=as_json)


@holds.command(epilog="Example: works holds place EXAM --organisation ID --reason 'Case 12/345'")
def place(
    exam: ExamArgument,
    organisation: OrganisationOption,
    reason: ReasonOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an exam under legal hold; a deleted one is named by its id, and is not removed then."""
    from smartlink.works.exams import deletion

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id = _any_exam(access, actor, exam, as_json=as_json)
        deletion.place_hold(access, actor, exam_id, reason, now())
    say({"exam_id": exam_id}, "Under legal hold.", as_json=as_json)


@holds.command(epilog="Example: works holds lift EXAM --organisation ID")
def lift(
    exam: ExamArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the legal hold of an exam."""
    from smartlink.works.exams import deletion

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id = _any_exam(access, actor, exam, as_json=as_json)
        deletion.lift_hold(access, actor, exam_id, now())
    say({"exam_id": exam_id}, "Not under legal hold any more.", as_json=as_json)


@holds.command("list", epilog="Example: works holds list --organisation ID")
def list_holds(organisation: OrganisationOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the exams under legal hold."""
    from smartlink.works.store import retention as rows

    with acting(data, organisation, None, as_json=as_json) as (access, _), access.organisation(organisation) as site:
        found = rows.holds(site)
    lines = [f"{one.exam_id}  since {one.placed_at:%Y-%m-%d}: {one.reason}" for one in found]
    say({"holds": [asdict(one) for one in found]}, "\n".join(lines) or "No exam is under legal hold.", as_json=as_json)


def retention(
    organisation: OrganisationOption,
    removal_days: Annotated[
        int | None, typer.Option(min=1, help="Days from a deletion to the removal of its objects.")
    ] = None,
    exam_days: Annotated[
        int | None, typer.Option(min=0, help="Delete finished exams after so many days; 0: keep them for ever.")
    ] = None,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or set how long an organisation keeps exams, and how long what was deleted can be taken back."""
    from smartlink.works.exams import removal

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        known = removal.periods(access, organisation)
        wanted = removal.Periods(
            known.removal_days if removal_days is None else removal_days,
            known.exam_days if exam_days is None else exam_days or None,
        )
        if wanted != known:
            removal.set_periods(access, actor, wanted, now())
    kept = "for ever" if wanted.exam_days is None else f"for {wanted.exam_days} days"
    words = f"Exams are kept {kept}. What was deleted is removed after {wanted.removal_days} days."
    say(asdict(wanted), words, as_json=as_json)


def _instance(access: "Access", actor: "Actor", text: str, *, as_json: bool) -> uuid.UUID:
    from smartlink.works.store import arrivals

    try:
        return uuid.UUID(text)
    except ValueError:
        with access.organisation(actor.organisation_id) as site:
            found = arrivals.instance(site, text)
    if found is None:
        fail("There is no such image.", as_json=as_json)
    return found.id


def _any_exam(access: "Access", actor: "Actor", text: str, *, as_json: bool) -> uuid.UUID:
    """The exam's id; one that is deleted is found by its id only."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return exam_of(access, actor, text, as_json=as_json)[0]
