"""The command line `works`: reads the request, calls one function, answers in words or JSON.

Imports stand inside the commands, so that `works --help` answers at once.
"""

import sys
import uuid
from pathlib import Path
from typing import Annotated

import typer

from smartlink.works import cli_audit, cli_exams, cli_notices, cli_releases, cli_retention, cli_worklist
from smartlink.works.terminal import (
    DataOption,
    FacilityOption,
    JsonOption,
    OrganisationOption,
    fail,
    floor,
    now,
    say,
    settings_of,
    site_of,
    told_made,
)

app = typer.Typer(
    name="works",
    help="Works, the cloud side of SmartLink: exams, people and the fleet of gateways.",
    epilog="Example: works run --data works-data",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def main() -> None:
    """Run the command line."""
    app()


@app.command(epilog="Example: works run --data /var/lib/works")
def run(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run everything in one process: pages, link and background work, until told to stop (Ctrl+C, or SIGTERM)."""
    _serve(data, as_json=as_json)


@app.command(epilog="Example: works serve")
def serve(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run pages and link only; another process runs `works worker`."""
    _serve(data, as_json=as_json, work=False)


@app.command(epilog="Example: works worker")
def worker(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run background work only."""
    _serve(data, as_json=as_json, web=False)


@app.command(epilog="Example: works migrate")
def migrate(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to the schema of this version; `works run` does so by itself."""
    from smartlink.works.store import schema

    with floor(data, as_json=as_json):
        say({"revision": schema.newest()}, "The database is at the newest schema.", as_json=as_json)


@app.command(epilog='Example: works create-organisation "Northfield Group"')
def create_organisation(
    name: Annotated[str, typer.Argument(help="The organisation's name.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an organisation and print its id."""
    from smartlink.works.people import directory

    with floor(data, as_json=as_json) as ground:
        made = directory.create_organisation(ground.access, name, now())
    told_made(made, "Organisation", name, as_json=as_json)


@app.command(epilog='Example: works create-facility "Northfield General" --organisation ID --time-zone Europe/Madrid')
def create_facility(
    name: Annotated[str, typer.Argument(help="The facility's name.")],
    organisation: OrganisationOption,
    time_zone: Annotated[str, typer.Option(help="IANA time zone.")] = "UTC",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a facility and print its id; it begins with the specialty General as its default."""
    from smartlink.works.people import directory

    with site_of(data, organisation, as_json=as_json) as site:
        made = directory.create_facility(site, name, time_zone, now())
    told_made(made, "Facility", name, as_json=as_json)


@app.command(epilog="Example: works create-specialty Cardiology --organisation ID --facility ID --default")
def create_specialty(
    name: Annotated[str, typer.Argument(help="The specialty's name.")],
    organisation: OrganisationOption,
    facility: FacilityOption,
    default: Annotated[bool, typer.Option("--default", help="New ultrasound systems get it.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a specialty of a facility and print its id."""
    from smartlink.works.people import directory

    with site_of(data, organisation, as_json=as_json) as site:
        made = directory.create_specialty(site, facility, name, now(), default=default)
    told_made(made, "Specialty", name, as_json=as_json)


@app.command(
    epilog="Example: works create-user lucia@northfield.example --organisation ID --facility ID --given-name Lucía"
    " --family-name Ferrer"
)
def create_user(
    email: Annotated[str, typer.Argument(help="The e-mail address by which the person signs in.")],
    organisation: OrganisationOption,
    facility: Annotated[uuid.UUID | None, typer.Option("--facility", help="The facility's id.")] = None,
    role: Annotated[
        str, typer.Option(help="organisation_administrator, facility_administrator, physician or auditor.")
    ] = "physician",
    given_name: Annotated[str, typer.Option(help="Given name.")] = "",
    family_name: Annotated[str, typer.Option(help="Family name.")] = "",
    display_name: Annotated[str, typer.Option(help="How pages show the name; by default both names.")] = "",
    phone: Annotated[str | None, typer.Option(help="Telephone number.")] = None,
    specialty: Annotated[list[uuid.UUID] | None, typer.Option(help="A specialty's id; may be repeated.")] = None,
    dicom_name: Annotated[
        list[str] | None, typer.Option(help="A further name known to ultrasound systems; may be repeated.")
    ] = None,
    password: Annotated[
        str | None, typer.Option(envvar="WORKS_PASSWORD", help="Better in the environment than on a command line.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a person who can sign in, and print the id. Without a password it is asked for."""
    from smartlink.works.people import directory
    from smartlink.works.people.passwords import Passwords

    new = directory.NewPerson(
        email=email,
        password=_password(password, from_stdin=password_stdin),
        given_name=given_name,
        family_name=family_name,
        role=role,
        display_name=display_name,
        phone=phone,
        facility_id=facility,
        specialty_ids=tuple(specialty or ()),
        dicom_names=tuple(dicom_name or ()),
    )
    with site_of(data, organisation, as_json=as_json) as site:
        made = directory.create_person(site, Passwords(), new, now())
    told_made(made, "User", email, as_json=as_json)


@app.command(epilog="Example: works create-licence-key --organisation ID --facility ID")
def create_licence_key(
    organisation: OrganisationOption, facility: FacilityOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Make a facility's license key and show it, once. A former key ends, and the gateway that used it."""
    from smartlink.works.fleet import licence_keys

    with site_of(data, organisation, as_json=as_json) as site:
        made = licence_keys.create(site, facility, by=None, now=now())
    told = {"id": str(made.id), "key": made.key, "prefix": made.prefix, "revoked_gateways": made.revoked_gateways}
    words = f"License key, shown only now: {made.key}"
    if made.revoked_gateways:
        words += "\nThe gateway that worked with the former key is deactivated."
    say(told, words, as_json=as_json)


@app.command(epilog="Example: works journey 1.2.840.1 --organisation ID")
def journey(
    exam: Annotated[str, typer.Argument(metavar="EXAM", help="Study Instance UID, or the exam's id.")],
    organisation: OrganisationOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where an exam is and when each of its instances passed each hop. Nothing of the patient is shown."""
    from smartlink.works.exams.journey import of_study, study_named

    with site_of(data, organisation, as_json=as_json) as site:
        found = of_study(site, study_named(site, exam))
    if not found.known:
        fail("Works has nothing of this study.", as_json=as_json)
    told = found.as_json()
    placed = told["exam"] or {}
    lines = [f"Exam: {placed.get('folder', 'not yet')}, submitted: {placed.get('submitted_at') or 'no'}"]
    hops = ("received_at", "offered_at", "confirmed_at", "ingested_at")
    for number, one in enumerate(told["instances"], 1):
        lines.append(f"  image {number}: " + ", ".join(f"{hop[:-3]} {one[hop] or '-'}" for hop in hops))
    lines += [f"  {one['connection_name']} ({one['ae_title']}): {one['state']}" for one in told["deliveries"]]
    lines += told["missing"]
    say(told, "\n".join(lines), as_json=as_json)


app.add_typer(cli_exams.app)
app.add_typer(cli_audit.app, name="audit")
app.add_typer(cli_releases.app, name="releases")
app.add_typer(cli_retention.deletions, name="deletions")
app.add_typer(cli_retention.holds, name="holds")
app.command("retention", epilog=cli_retention.RETENTION_EXAMPLE)(cli_retention.retention)
app.add_typer(cli_notices.recipients, name="recipients")
app.add_typer(cli_worklist.app, name="worklist")
app.command("mails", epilog=cli_notices.MAILS_EXAMPLE)(cli_notices.mails)
app.command("silence", epilog=cli_notices.SILENCE_EXAMPLE)(cli_notices.silence)
app.command("alarms", epilog=cli_notices.ALARMS_EXAMPLE)(cli_notices.alarms)
app.command("mail-test", epilog=cli_notices.MAIL_TEST_EXAMPLE)(cli_notices.mail_test)


def _serve(data: Path | None, *, as_json: bool, web: bool = True, work: bool = True) -> None:
    from smartlink.works import log, service
    from smartlink.works.embedded.process import ServiceFailed
    from smartlink.works.errors import WorksError

    settings = settings_of(data, as_json=as_json)
    log.configure()

    def ready() -> None:
        told = {"url": settings.url} if web else {}
        say(told, f"Works runs at {settings.url}. Stop with Ctrl+C." if web else "Works works.", as_json=as_json)

    try:
        code = service.run(settings, ready, web=web, work=work)
    except (WorksError, ServiceFailed, OSError) as error:
        fail(str(error), as_json=as_json)
    raise typer.Exit(code)


def _password(given: str | None, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if given is not None:
        return given
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked
