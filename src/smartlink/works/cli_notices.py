"""The commands `works recipients …`, `works mails` and `works mail-test`: who is told what fails, and how that goes.

Imports stand inside the commands, so that `works --help` answers at once.
"""

import uuid
from typing import Annotated, Final

import typer

from smartlink.works.terminal import (
    DataOption,
    FacilityOption,
    JsonOption,
    OrganisationOption,
    fail,
    now,
    say,
    settings_of,
    site_of,
)

MAILS_EXAMPLE: Final = "Example: works mails --organisation ID --facility ID"
SILENCE_EXAMPLE: Final = "Example: works silence CONNECTION --organisation ID --hours 24"
ALARMS_EXAMPLE: Final = "Example: works alarms --organisation ID --facility ID"
MAIL_TEST_EXAMPLE: Final = "Example: works mail-test admin@northfield.example"
_SHOWN: Final = 50

recipients = typer.Typer(
    help="List, add and remove who is told by mail when transfers of a facility fail.",
    epilog="Example: works recipients add it@northfield.example --organisation ID --facility ID",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address.")]


@recipients.command("list", epilog="Example: works recipients list --organisation ID --facility ID")
def listing(
    organisation: OrganisationOption, facility: FacilityOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """List who is told: administrators and further addresses."""
    from smartlink.works.notify.recipients import told

    with site_of(data, organisation, as_json=as_json) as site:
        found = told(site, facility)
    support = settings_of(data, as_json=as_json).support_address
    lines = [f"{one}  administrator{', chosen' if found.chosen else ''}" for one in found.administrators]
    lines += [f"{one}  further address" for one in found.addresses]
    lines += [f"{support}  support"] if support else []
    answer = {
        "administrators": list(found.administrators),
        "chosen": found.chosen,
        "addresses": list(found.addresses),
        "support": support,
    }
    say(answer, "\n".join(lines) or "Nobody: add an address.", as_json=as_json)


@recipients.command(epilog="Example: works recipients add it@northfield.example --organisation ID --facility ID")
def add(
    address: AddressArgument,
    organisation: OrganisationOption,
    facility: FacilityOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell this address. As long as no administrator is chosen in this way, all of them are told."""
    from smartlink.works.notify import recipients as use_case

    with site_of(data, organisation, as_json=as_json) as site:
        chosen = use_case.add(site, facility, address, now())
    words = f"{address} is told" + (", as a chosen administrator." if chosen else ".")
    say({"address": address, "administrator": chosen}, words, as_json=as_json)


@recipients.command(epilog="Example: works recipients remove it@northfield.example --organisation ID --facility ID")
def remove(
    address: AddressArgument,
    organisation: OrganisationOption,
    facility: FacilityOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell this address no more."""
    from smartlink.works.notify import recipients as use_case

    with site_of(data, organisation, as_json=as_json) as site:
        use_case.remove(site, facility, address, now())
    say({"address": address}, f"{address} is told no more.", as_json=as_json)


def mails(
    organisation: OrganisationOption, facility: FacilityOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """List the newest mails of a facility, and why one could not be sent."""
    from smartlink.works.store import mails as rows

    with site_of(data, organisation, as_json=as_json) as site:
        found = rows.listing(site, [facility], _SHOWN)
    told = [
        {
            "at": mail.created_at,
            "kind": mail.kind,
            "recipient": mail.recipient,
            "state": mail.state,
            "attempts": mail.attempts,
            "problem": mail.problem,
        }
        for mail in found
    ]
    lines = [
        f"{mail.created_at:%Y-%m-%d %H:%M}Z  {mail.kind}  {mail.recipient}  {mail.state}  {mail.problem or ''}".rstrip()
        for mail in found
    ]
    say({"mails": told}, "\n".join(lines) or "No mails.", as_json=as_json)


def mail_test(address: AddressArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Send a mail to this address now, by the settings of this deployment."""
    from smartlink.works.errors import WorksError
    from smartlink.works.notify import words
    from smartlink.works.notify.post import Letter, post_of
    from smartlink.works.people import directory

    settings = settings_of(data, as_json=as_json)
    text = words.trial(settings.url, settings.mail_language)
    try:
        letter = Letter(uuid.uuid4(), directory.address(address), text.subject, text.body, now())
        post_of(settings).send(letter)
    except WorksError as error:
        fail(str(error), as_json=as_json)
    say({"address": address, "sent": True}, f"The mail server took the mail for {address}.", as_json=as_json)


def silence(
    connection: Annotated[uuid.UUID, typer.Argument(metavar="CONNECTION", help="The ultrasound system's id.")],
    organisation: OrganisationOption,
    hours: Annotated[
        int | None, typer.Option("--hours", min=1, max=8760, help="Tell of it after so many hours; none ends it.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell people by mail when an ultrasound system is silent for so many hours; without --hours never."""
    from smartlink.works.errors import WorksError
    from smartlink.works.notify import alarms

    with site_of(data, organisation, as_json=as_json) as site:
        try:
            alarms.watch_silence(site, connection, hours, now())
        except WorksError as error:
            fail(str(error), as_json=as_json)
    words = "Its silence is told to nobody." if hours is None else f"People are told after {hours} hours of silence."
    say({"connection_id": connection, "hours": hours}, words, as_json=as_json)


def alarms(
    organisation: OrganisationOption, facility: FacilityOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """List what is wrong with a facility's gateway, disk and ultrasound systems now, and since when."""
    from datetime import timedelta

    from smartlink.works.notify.alarms import found

    offline_after = timedelta(minutes=settings_of(data, as_json=as_json).offline_minutes)
    with site_of(data, organisation, as_json=as_json) as site:
        wrong = [one for one in found(site, facility, now(), offline_after) if one.wrong]
    told = [
        {"kind": one.kind.value, "subject_id": one.subject_id, "system": one.matter.system or None, "since": one.since}
        for one in wrong
    ]
    lines = [
        f"{one.kind.value}  {one.matter.system or one.subject_id}  since {one.since:%Y-%m-%d %H:%M}Z" for one in wrong
    ]
    say({"alarms": told}, "\n".join(lines) or "Nothing is wrong.", as_json=as_json)
