"""The commands `smartlink connections …`: list, add, edit, test and delete the systems around this gateway.

Imports stand inside the commands, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from contextlib import contextmanager
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
    from collections.abc import Iterator
    from pathlib import Path

    from smartlink.gateway.calling import Peer
    from smartlink.gateway.connections import Connection, TlsChanges
    from smartlink.gateway.settings import Deployment
    from smartlink.gateway.store.database import Database
    from smartlink.gateway.trial import Trial
    from smartlink.gateway.worklist import Query
    from smartlink.link.connections import Kind, Mapping

app = typer.Typer(
    help="List, add, edit, test and delete the ultrasound systems, PACS and worklist servers.",
    epilog="Example: smartlink connections add Archive --ae-title ARCHIVE --host 192.0.2.10 --port 104 --specialty US",
    rich_markup_mode=None,
    add_completion=False,
)

Which = Annotated[str, typer.Argument(metavar="WHICH", help="The connection's AE title, name or id.")]
NameOption = Annotated[str | None, typer.Option("--name", help="Name your connection: 1 to 64 characters.")]
AETitleOption = Annotated[
    str | None, typer.Option("--ae-title", help="AE title of the PACS: 1 to 16 characters, capitals matter.")
]
HostOption = Annotated[str | None, typer.Option("--host", help="IP address of the PACS.")]
PortOption = Annotated[int | None, typer.Option("--port", help="Port of the PACS, 1 to 65535.")]
EditedPortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        help="Port of the PACS, 1 to 65535; of an ultrasound system the one at which it hears storage commitment.",
    ),
]
SpecialtyOption = Annotated[
    list[str] | None, typer.Option("--specialty", help="Specialty, by name or id; give the option once for each.")
]
KindOption = Annotated[str, typer.Option("--kind", help="What it is: pacs or worklist.")]
TlsOption = Annotated[
    bool | None, typer.Option("--tls/--no-tls", help="Whether the connection is secured by TLS (DICOM PS3.15 B.12).")
]
TlsCaOption = Annotated[
    str | None,
    typer.Option("--tls-ca", help="File (PEM) of whom to trust; without it, or with '', the system's own list."),
]
TlsCertificateOption = Annotated[
    str | None, typer.Option("--tls-certificate", help="File (PEM) of our certificate, for a PACS that requires one.")
]
TlsKeyOption = Annotated[
    str | None, typer.Option("--tls-key", help="File (PEM) of its private key, which no other account may read.")
]
TlsNameOption = Annotated[
    str | None, typer.Option("--tls-name", help="Name in the certificate of the PACS, if it is not the host's.")
]


@app.callback(invoke_without_command=True)
def listing(context: typer.Context, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the connected systems; see the commands below for more."""
    if context.invoked_subcommand is None:
        _list(data, as_json=as_json)
    elif (source := context.get_parameter_source("data")) is not None and source.name == "COMMANDLINE":
        raise typer.BadParameter(f"Write it after {context.invoked_subcommand}.", param_hint="--data")


@app.command("list", short_help="List the connected systems.", epilog="Example: smartlink connections list --json")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the ultrasound systems, PACS and worklist servers that are connected."""
    _list(data, as_json=as_json)


@app.command(
    short_help="Add a PACS or a worklist server.",
    epilog="Example: smartlink connections add Archive --ae-title ARCHIVE --host 192.0.2.10 --port 104 --specialty US",
)
def add(
    name: Annotated[str, typer.Argument(help="Name your connection: 1 to 64 characters.")],
    ae_title: AETitleOption = None,
    host: HostOption = None,
    port: PortOption = None,
    specialty: SpecialtyOption = None,
    kind: KindOption = "pacs",
    tls: TlsOption = None,
    tls_ca: TlsCaOption = None,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    tls_name: TlsNameOption = None,
    test: Annotated[bool, typer.Option("--test", help="Test the connection first; it is saved anyway.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a PACS or worklist server. It is Inactive until a test succeeds or it is used; it is tried nevertheless."""
    from smartlink.gateway import connecting
    from smartlink.gateway.connections import Changes
    from smartlink.link.connections import Kind

    wanted_kind = _kind(kind)
    with _changing(data, as_json=as_json) as (deployment, database):
        ids = connecting.specialties(database, specialty or [])
        security = _security(tls, tls_ca, tls_certificate, tls_key, tls_name)
        wanted = Changes(name=name, ae_title=ae_title, host=host, port=port, specialty_ids=ids, tls=security)
        trial = None
        if test:
            calling = _calling(database, wanted_kind)
            trial = _try(deployment, database, wanted_kind, _typed_peer(ae_title, host, port, calling, security))
        verified = trial is not None and trial.succeeded
        save = connecting.add_worklist if wanted_kind is Kind.WORKLIST else connecting.add_pacs
        added = save(database, wanted, now(), verified=verified)
    _answer_saved(added, trial, as_json=as_json)


@app.command(short_help="Edit a connection.", epilog="Example: smartlink connections edit ARCHIVE --port 11112")
def edit(
    which: Which,
    name: NameOption = None,
    ae_title: AETitleOption = None,
    host: HostOption = None,
    port: EditedPortOption = None,
    specialty: SpecialtyOption = None,
    tls: TlsOption = None,
    tls_ca: TlsCaOption = None,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    tls_name: TlsNameOption = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            help="Ultrasound system: where the physician of an exam is named; performing_physician,"
            " referring_physician, operator, reading_physician, telecom or unassigned.",
        ),
    ] = None,
    send_directly: Annotated[
        bool | None,
        typer.Option(
            "--send-directly/--no-send-directly",
            help="Ultrasound system: send its images to the PACS of its specialties at once.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a connection. A PACS with another AE title, address or port is Inactive until it is tested."""
    from smartlink.gateway import connecting
    from smartlink.gateway.connections import Changes

    with _changing(data, as_json=as_json) as (_, database):
        wanted = Changes(
            name=name,
            ae_title=ae_title,
            host=host,
            port=port,
            specialty_ids=None if specialty is None else connecting.specialties(database, specialty),
            mapping=None if mapping is None else _mapping(mapping),
            send_directly=send_directly,
            tls=_security(tls, tls_ca, tls_certificate, tls_key, tls_name),
        )
        after = connecting.edit(database, connecting.find(database, which).id, wanted, now())
    _answer_saved(after, None, as_json=as_json)


@app.command(
    "test",
    short_help="Test a connection, saved or not.",
    epilog="Example: smartlink connections test ARCHIVE",
)
def trial(
    which: Annotated[str | None, typer.Argument(metavar="WHICH", help="The connection's AE title, name or id.")] = None,
    ae_title: AETitleOption = None,
    host: HostOption = None,
    port: PortOption = None,
    kind: KindOption = "pacs",
    tls: TlsOption = None,
    tls_ca: TlsCaOption = None,
    tls_certificate: TlsCertificateOption = None,
    tls_key: TlsKeyOption = None,
    tls_name: TlsNameOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test a saved connection, or values before they are saved; a saved one that passes becomes Active."""
    from smartlink.gateway import connecting

    typed = (ae_title, host, port, tls, tls_ca, tls_certificate, tls_key, tls_name)
    if which is not None and any(one is not None for one in typed):
        raise typer.BadParameter(
            "A saved connection is tested as it is saved: leave the options out, or leave WHICH out to test them.",
            param_hint="WHICH",
        )
    with _changing(data, as_json=as_json) as (deployment, database):
        security = _security(tls, tls_ca, tls_certificate, tls_key, tls_name)
        if which is None:
            calling = _calling(database, _kind(kind))
            typed_peer = _typed_peer(ae_title, host, port, calling, security)
            result = _try(deployment, database, _kind(kind), typed_peer)
        else:
            connection = connecting.find(database, which)
            peer = connecting.peer_of(connection, _calling(database, connection.kind))
            result = _try(deployment, database, connection.kind, peer, connection.query)
            if result.succeeded:
                connecting.verified(database, connection, now())
    if as_json:
        print_json(_trial_values(result))
    else:
        _print_trial(result)
    raise typer.Exit(0 if result.succeeded else 1)


@app.command(
    short_help="Let an ultrasound system in that waits or was blocked.",
    epilog="Example: smartlink connections approve US01",
)
def approve(which: Which, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Let an ultrasound system in: what was held of it is uploaded as soon as Works has it."""
    _judge(which, data, approve=True, as_json=as_json)


@app.command(
    short_help="Turn an ultrasound system away from now on.", epilog="Example: smartlink connections block US01"
)
def block(which: Which, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Refuse an ultrasound system its associations from now on; what is held of it stays held."""
    _judge(which, data, approve=False, as_json=as_json)


@app.command(short_help="Delete a connection for good.", epilog="Example: smartlink connections delete ARCHIVE --yes")
def delete(
    which: Which,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a connection on both sides. It cannot be undone; what waits for a PACS goes to the Outbox of Works."""
    from smartlink.gateway import build, connecting

    with _changing(data, as_json=as_json) as (deployment, database):
        connection = connecting.find(database, which)
        pending = connecting.pending(database, connection)
        if not yes:
            typer.confirm(
                f"Delete {connection.name} ({connection.ae_title}) for good? {pending} images wait for it.",
                abort=True,
                err=True,
            )
        with build.works_client(deployment, database, now) as works:
            connecting.delete(database, works, connection, now())
    values = {"id": str(connection.id), "ae_title": str(connection.ae_title), "pending": pending}
    answer(values, f"Deleted {connection.name}.", as_json=as_json)


def _judge(which: str, data: Path | None, *, approve: bool, as_json: bool) -> None:
    from smartlink.gateway import connecting

    with _changing(data, as_json=as_json) as (_, database):
        connection = connecting.find(database, which)
        (connecting.approve if approve else connecting.block)(database, connection, now())
    word = "approved" if approve else "blocked"
    values = {"id": str(connection.id), "ae_title": str(connection.ae_title), "approval": word}
    answer(values, f"{connection.name} is {word}.", as_json=as_json)


@contextmanager
def _changing(data: Path | None, *, as_json: bool) -> Iterator[tuple[Deployment, Database]]:
    """Open catalogue and configuration log; a refusal ends the command with its sentence."""
    from smartlink.gateway.errors import Refused

    with catalogue(data, as_json=as_json) as (deployment, database), logged(deployment):
        try:
            yield deployment, database
        except Refused as refusal:
            fail(str(refusal), as_json=as_json)


def _list(data: Path | None, *, as_json: bool) -> None:
    from smartlink.gateway.status import connections_of

    with catalogue(data, as_json=as_json) as (_, database):
        found = connections_of(database)
    if as_json:
        print_json({"connections": found})
    else:
        columns = ["name", "kind", "ae_title", "host", "port", "status", "verified_at", "last_image_at", "problem"]
        print_table(columns, [[shown(one[column]) for column in columns] for one in found])


def _calling(database: Database, kind: Kind) -> str:
    """Return the AE title under which a peer of this kind is called."""
    from smartlink.gateway.settings import administrator_settings
    from smartlink.gateway.store import settings
    from smartlink.link.connections import Kind

    values = administrator_settings(database.read(settings.all_values))
    return values.worklist_client_ae_title if kind is Kind.WORKLIST else values.sender_ae_title


def _kind(text: str) -> Kind:
    from smartlink.link.connections import Kind

    if text not in {Kind.PACS, Kind.WORKLIST}:
        raise typer.BadParameter("Kind is pacs or worklist; an ultrasound system adds itself.", param_hint="--kind")
    return Kind(text)


def _mapping(text: str) -> Mapping:
    from smartlink.link.connections import Mapping

    try:
        return Mapping(text)
    except ValueError:
        raise typer.BadParameter(f"Mapping is one of: {', '.join(Mapping)}.", param_hint="--mapping") from None


def _security(
    on: bool | None,
    ca_file: str | None,
    certificate: str | None,
    key: str | None,
    name: str | None,
) -> TlsChanges:
    from smartlink.gateway.connections import TlsChanges

    return TlsChanges(on=on, ca_file=ca_file, certificate=certificate, key=key, server_name=name)


def _typed_peer(ae_title: str | None, host: str | None, port: int | None, sender: str, security: TlsChanges) -> Peer:
    from smartlink.gateway.calling import Peer
    from smartlink.gateway.connections import parse_ae_title, parse_host, parse_port, secured

    tls = secured(None, security)
    return Peer(parse_host(host or ""), parse_port(port), parse_ae_title(ae_title or ""), sender, tls)


def _try(deployment: Deployment, database: Database, kind: Kind, peer: Peer, query: Query | None = None) -> Trial:
    from smartlink.gateway import toolbox, worklists
    from smartlink.gateway.dicom.trial_run import try_out
    from smartlink.gateway.dicom.worklist_trial import try_out_worklist
    from smartlink.gateway.worklist import Query
    from smartlink.link.connections import Kind

    if kind is not Kind.WORKLIST:
        return try_out(peer, deployment.send_limits)
    _, asked, _ = worklists.question(toolbox.worklist_tools(deployment, database, now), query or Query())
    return try_out_worklist(peer, asked, deployment.send_limits)


def _answer_saved(connection: Connection, trial: Trial | None, *, as_json: bool) -> None:
    from smartlink.gateway.connections import host_warning
    from smartlink.link.connections import Kind

    warning = None if connection.kind is Kind.ULTRASOUND else host_warning(connection.host)
    values: dict[str, Any] = {
        "id": str(connection.id),
        "ae_title": str(connection.ae_title),
        "status": connection.status.value,
        "warning": warning,
        "test": None if trial is None else _trial_values(trial),
    }
    if trial is not None and not as_json:
        _print_trial(trial)
    sentence = f"Saved {connection.name} ({connection.status.value}). Works is told by the running service."
    answer(values, f"{sentence}\n{warning}" if warning else sentence, as_json=as_json)


def _trial_values(trial: Trial) -> dict[str, Any]:
    return {
        "succeeded": trial.succeeded,
        "host": trial.peer.host,
        "port": trial.peer.port,
        "called_ae_title": trial.peer.called_ae_title,
        "calling_ae_title": trial.peer.calling_ae_title,
        "steps": [
            {
                "step": line.step.value,
                "ended": line.ended.value,
                "milliseconds": None if line.milliseconds is None else round(line.milliseconds, 1),
                "sentence": line.sentence,
                "remedy": line.remedy or None,
            }
            for line in trial.lines
        ],
        "contexts": [
            {"sop_class": one.sop_class, "transfer_syntax": one.transfer_syntax, "accepted": one.accepted}
            for one in trial.contexts
        ],
    }


def _print_trial(trial: Trial) -> None:
    rows = [
        [
            line.step.value,
            line.ended.value,
            "" if line.milliseconds is None else f"{line.milliseconds:.0f} ms",
            f"{line.sentence} {line.remedy}".strip(),
        ]
        for line in trial.lines
    ]
    print_table(["step", "", "time", "what"], rows)
    refused = [f"{one.sop_class}, {one.transfer_syntax}" for one in trial.contexts if not one.accepted]
    if refused:
        typer.echo("Refused: " + "; ".join(refused))
