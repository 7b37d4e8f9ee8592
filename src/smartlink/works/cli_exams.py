"""The commands of `works` about exams: list, submit, follow, send from the Outbox, claim, assign, correct.

Nothing of the patient is printed. With `--as` a command acts as that person and may do what the person may; without
it the operator of the deployment acts. Imports stand inside the commands, so that `works --help` answers at once.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smartlink.works.terminal import DataOption, JsonOption, OrganisationOption, fail, floor, now, say, site_of

if TYPE_CHECKING:
    from smartlink.works.access import Access
    from smartlink.works.exams.rights import Actor

app = typer.Typer(rich_markup_mode=None, add_completion=False)

ExamArgument = Annotated[str, typer.Argument(metavar="EXAM", help="The exam's id, or its Study Instance UID.")]
DeliveryArgument = Annotated[uuid.UUID, typer.Argument(metavar="DELIVERY", help="A delivery's id.")]
DeliveriesArgument = Annotated[list[uuid.UUID], typer.Argument(metavar="DELIVERY", help="One or more deliveries' ids.")]
AsOption = Annotated[uuid.UUID | None, typer.Option("--as", metavar="PERSON", help="Act as this person.")]
RememberOption = Annotated[bool, typer.Option("--remember", help="This name means this physician from now on.")]
_VALUE: Final = "The new value; an empty one empties it."


@app.command(epilog="Example: works exams --organisation ID --folder unassigned")
def exams(
    organisation: OrganisationOption,
    folder: Annotated[str | None, typer.Option(help="drafts, unassigned or completed.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List exams: id, folder, state, images."""
    from smartlink.works.store import submissions

    with site_of(data, organisation, as_json=as_json) as site:
        found = submissions.lines(site, folder)
    words = [
        f"{one.exam_id}  {one.folder}  {one.state}  {one.images} images  "
        f"{'test exam' if one.is_test else one.owner or '-'}"
        for one in found
    ]
    say({"exams": [asdict(one) for one in found]}, "\n".join(words) or "No exams.", as_json=as_json)


@app.command(epilog="Example: works submit EXAM --organisation ID --as PERSON")
def submit(
    exam: ExamArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    version: Annotated[int | None, typer.Option(help="Only when the exam still has this version.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a draft to every PACS of its specialty, or the images that came since it was sent."""
    from smartlink.works.exams import submission

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id, seen = exam_of(access, actor, exam, as_json=as_json)
        done = submission.submit(access, actor, exam_id, seen if version is None else version, now())
    words = (
        f"On its way in {len(done.delivery_ids)} deliveries." if done.delivery_ids else "No PACS serves its specialty."
    )
    say({"exam_id": exam_id, "delivery_ids": list(done.delivery_ids)}, words, as_json=as_json)


@app.command(epilog="Example: works deliveries EXAM --organisation ID")
def deliveries(
    exam: ExamArgument, organisation: OrganisationOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show how far an exam is on its way to each PACS, image by image."""
    from smartlink.works.exams import submission
    from smartlink.works.exams.delivery import Item, State

    with acting(data, organisation, None, as_json=as_json) as (access, actor):
        exam_id, _ = exam_of(access, actor, exam, as_json=as_json)
        found = submission.timeline(access, organisation, exam_id)
    words = []
    for view in found:
        head = view.head
        words.append(
            f"{head.id}  {head.connection_name}: {State(head.state).words}, {head.sent} of {head.instances} sent"
        )
        words += [f"  image {one.number}: {Item(one.state).words}  {one.cause or ''}".rstrip() for one in view.items]
    told = [asdict(view.head) | {"items": [asdict(one) for one in view.items]} for view in found]
    say({"exam_id": exam_id, "deliveries": told}, "\n".join(words) or "Not submitted yet.", as_json=as_json)


@app.command(epilog="Example: works resend DELIVERY --organisation ID")
def resend(
    delivery: DeliveryArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send every image of an exam to a PACS again, whatever it has."""
    from smartlink.works.exams import submission

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        fresh = submission.resend(access, actor, delivery, now())
    say({"delivery_id": fresh}, f"On its way again: {fresh}", as_json=as_json)


@app.command("cancel-delivery", epilog="Example: works cancel-delivery DELIVERY --organisation ID")
def cancel_delivery(
    delivery: DeliveryArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a delivery: what was not sent yet is not sent any more."""
    from smartlink.works.exams import submission

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        submission.cancel(access, actor, delivery, now())
    say({"delivery_id": delivery}, "Cancelled.", as_json=as_json)


@app.command(epilog="Example: works outbox --organisation ID")
def outbox(
    organisation: OrganisationOption, person: AsOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """List what did not reach its PACS and waits to be sent by a person, with the reason."""
    from smartlink.works.exams import outbox as use_case

    patient = {"patient_name", "patient_id", "study_description", "study_at"}
    with acting(data, organisation, person, as_json=as_json) as (access, _):
        found = use_case.outbox(access, organisation, person)
    words = [
        f"{one.delivery_id}  {one.connection_name}: {one.unsent} images, {one.reason or one.state}" for one in found
    ]
    told = [{name: value for name, value in asdict(one).items() if name not in patient} for one in found]
    say({"outbox": told}, "\n".join(words) or "The Outbox is empty.", as_json=as_json)


@app.command(epilog="Example: works send DELIVERY DELIVERY --organisation ID")
def send(
    delivery: DeliveriesArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send lines of the Outbox again, each with a new retry window. Ends with 1 when one of them could not be."""
    from smartlink.works.exams import outbox as use_case

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        found = use_case.send_from_outbox(access, actor, delivery, now())
    words = [f"{one.delivery_id}: {one.refused or 'on its way as ' + ', '.join(map(str, one.fresh))}" for one in found]
    say({"sent": [asdict(one) for one in found]}, "\n".join(words), as_json=as_json)
    if any(one.refused for one in found):
        raise typer.Exit(1)


@app.command(epilog="Example: works claim EXAM --organisation ID --as PERSON")
def claim(
    exam: ExamArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    remember: RememberOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an exam from Unassigned into that person's Drafts."""
    from smartlink.works.exams import folders

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id, _ = exam_of(access, actor, exam, as_json=as_json)
        folders.claim(access, actor, exam_id, now(), remember=remember)
    say({"exam_id": exam_id, "person_id": person}, "Claimed.", as_json=as_json)


@app.command(epilog="Example: works assign EXAM PERSON --organisation ID")
def assign(
    exam: ExamArgument,
    physician: Annotated[uuid.UUID, typer.Argument(metavar="PERSON", help="The physician's id.")],
    organisation: OrganisationOption,
    person: AsOption = None,
    remember: RememberOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an exam from Unassigned into a physician's Drafts."""
    from smartlink.works.exams import folders

    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id, _ = exam_of(access, actor, exam, as_json=as_json)
        folders.assign(access, actor, exam_id, physician, now(), remember=remember)
    say({"exam_id": exam_id, "person_id": physician}, "Assigned.", as_json=as_json)


@app.command(epilog="Example: works correct EXAM --organisation ID --accession-number A-77")
def correct(
    exam: ExamArgument,
    organisation: OrganisationOption,
    person: AsOption = None,
    patient_id: Annotated[str | None, typer.Option(envvar="EXAM_PATIENT_ID", help=_VALUE)] = None,
    issuer_of_patient_id: Annotated[str | None, typer.Option(envvar="EXAM_ISSUER_OF_PATIENT_ID", help=_VALUE)] = None,
    patient_name: Annotated[str | None, typer.Option(envvar="EXAM_PATIENT_NAME", help=_VALUE)] = None,
    birth_date: Annotated[str | None, typer.Option(envvar="EXAM_BIRTH_DATE", help=_VALUE)] = None,
    sex: Annotated[str | None, typer.Option(envvar="EXAM_SEX", help=_VALUE)] = None,
    accession_number: Annotated[str | None, typer.Option(envvar="EXAM_ACCESSION_NUMBER", help=_VALUE)] = None,
    requested_procedure_id: Annotated[
        str | None, typer.Option(envvar="EXAM_REQUESTED_PROCEDURE_ID", help=_VALUE)
    ] = None,
    requested_procedure_description: Annotated[
        str | None, typer.Option(envvar="EXAM_REQUESTED_PROCEDURE_DESCRIPTION", help=_VALUE)
    ] = None,
    study_instance_uid: Annotated[str | None, typer.Option(envvar="EXAM_STUDY_INSTANCE_UID", help=_VALUE)] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm other values of patient and order: what is sent from then on carries them, what is stored stays.

    Each value may also stand in the environment, such as EXAM_PATIENT_ID, and so in no list of processes.
    """
    from smartlink.works.exams import correction

    values = correction.Values(
        patient_id=patient_id,
        issuer_of_patient_id=issuer_of_patient_id,
        patient_name=patient_name,
        birth_date=birth_date,
        sex=sex,
        accession_number=accession_number,
        requested_procedure_id=requested_procedure_id,
        requested_procedure_description=requested_procedure_description,
        study_instance_uid=study_instance_uid,
    )
    with acting(data, organisation, person, as_json=as_json) as (access, actor):
        exam_id, version = exam_of(access, actor, exam, as_json=as_json)
        identity_id = correction.set_identity(access, actor, exam_id, version, values, now())
    say({"exam_id": exam_id, "identity_id": identity_id}, "Confirmed.", as_json=as_json)


@contextmanager
def acting(
    data: Path | None, organisation: uuid.UUID, person: uuid.UUID | None, *, as_json: bool
) -> "Iterator[tuple[Access, Actor]]":
    """The way to the data, and who acts: that person, or the operator."""
    from smartlink.works.exams.rights import Actor

    with floor(data, as_json=as_json) as ground:
        yield ground.access, Actor(organisation, person)


def exam_of(access: "Access", actor: "Actor", text: str, *, as_json: bool) -> tuple[uuid.UUID, int]:
    """Id and version of the exam that was named."""
    from smartlink.works.store import submissions

    with access.organisation(actor.organisation_id) as site:
        try:
            exam_id: uuid.UUID | None = uuid.UUID(text)
        except ValueError:
            exam_id = submissions.exam_of_study(site, text)
        exam: Any = None if exam_id is None else submissions.exam(site, exam_id)
    if exam is None:
        fail("There is no such exam.", as_json=as_json)
    return exam.id, exam.version
