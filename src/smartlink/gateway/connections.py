"""The peers of this gateway and the rules about them (R39-R43, R61-R66): pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import Tls
from smartlink.gateway.errors import Refused
from smartlink.gateway.worklist import Query, QueryChanges
from smartlink.gateway.worklist import changed as changed_query
from smartlink.link.connections import ConnectionPut, ConnectionStatus, Kind, Mapping
from smartlink.standard.names import AETitle

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from uuid import UUID

    from smartlink.link.connections import Connection as ConnectionAtWorks

_LONGEST_NAME: Final = 64
_LONGEST_HOST: Final = 253
_LAST_PORT: Final = 65535
_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_LOOKS_NUMERIC: Final = re.compile(r"[0-9.]+")
SPECIALTY_REMOVED: Final = "Its specialty was removed in Works: choose another one with smartlink connections edit."
_ONLY_ULTRASOUND: Final = "Mapping and Send directly to PACS are settings of ultrasound systems."
_ONLY_WORKLIST: Final = "Time zone, modality, station and character set are settings of worklist servers."


class Approval(StrEnum):
    """Whether an administrator lets an ultrasound system in (R67)."""

    APPROVED = "approved"
    WAITING = "waiting"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Connection:
    """One peer. `works_id` is None while Works does not have it."""

    id: UUID
    kind: Kind
    name: str
    ae_title: AETitle
    host: str
    port: int | None
    """Of an ultrasound system the port at which it hears the results of Storage Commitment; None: it only calls us."""
    specialty_ids: tuple[UUID, ...]
    mapping: Mapping | None
    status: ConnectionStatus
    last_seen_at: datetime | None = None
    last_image_at: datetime | None = None
    revision: int = 1
    pushed_revision: int = 0
    works_id: UUID | None = None
    works_version: int = 0
    problem: str | None = None
    send_directly: bool = False
    """Its images also go to the PACS of its specialties at once (R44); only for an ultrasound system."""
    verified_at: datetime | None = None
    """When the peer last answered us at this AE title, address and port."""
    tls: Tls | None = None
    """How the way to it is secured; None: it is not. Works is not told: it names files of this machine."""
    approval: Approval = Approval.APPROVED
    """Works is not told either: it hears of an ultrasound system when that is approved."""
    waiting_bytes: int = 0
    """What it sent while it waited for approval."""
    query: Query | None = None
    """How a worklist server is asked; None for all others. Works is not told."""

    @property
    def is_pending(self) -> bool:
        """Whether Works has yet to be told something of it ("Pending sync")."""
        return self.pushed_revision < self.revision

    @property
    def is_in_works(self) -> bool:
        """Whether Works has it, so that its images may be uploaded (R66)."""
        return self.works_id is not None

    @property
    def status_words(self) -> str:
        """The words that a list shows (R42, R67)."""
        if self.approval is not Approval.APPROVED:
            return "Blocked" if self.approval is Approval.BLOCKED else "Waiting for approval"
        if self.is_pending:
            return "Pending sync"
        if self.status is ConnectionStatus.INACTIVE:
            return "Inactive"
        if self.kind is Kind.ULTRASOUND and self.last_image_at is None:
            return "Active (verified, no images yet)"
        return "Active"


@dataclass(frozen=True, slots=True)
class TlsChanges:
    """What a person wants to be different in how a connection is secured; an empty text takes a part away."""

    on: bool | None = None
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person wants to be different in a connection, as typed; None stays as it is."""

    name: str | None = None
    ae_title: str | None = None
    host: str | None = None
    port: int | None = None
    specialty_ids: tuple[UUID, ...] | None = None
    mapping: Mapping | None = None
    send_directly: bool | None = None
    tls: TlsChanges = field(default_factory=TlsChanges)
    query: QueryChanges = field(default_factory=QueryChanges)


def new_pacs(connection_id: UUID, wanted: Changes) -> Connection:
    """Return a PACS as a person typed it in (R46): not verified, so Inactive. Raises Refused with what to do."""
    if wanted.query != QueryChanges():
        raise Refused(_ONLY_WORKLIST)
    return _new_server(connection_id, Kind.PACS, wanted)


def new_worklist(connection_id: UUID, wanted: Changes) -> Connection:
    """Return a worklist server as a person typed it in (R54): one specialty, not verified. Raises Refused."""
    fresh = _new_server(connection_id, Kind.WORKLIST, wanted)
    _refuse_several(fresh)
    return replace(fresh, query=changed_query(None, wanted.query))


def _refuse_several(connection: Connection) -> None:
    if connection.kind is Kind.WORKLIST and len(connection.specialty_ids) > 1:
        raise Refused("A worklist server has one specialty: select just one.")


def _new_server(connection_id: UUID, kind: Kind, wanted: Changes) -> Connection:
    if wanted.mapping is not None or wanted.send_directly is not None:
        raise Refused(_ONLY_ULTRASOUND)
    return Connection(
        id=connection_id,
        kind=kind,
        name=parse_name(wanted.name or ""),
        ae_title=parse_ae_title(wanted.ae_title or ""),
        host=parse_host(wanted.host or ""),
        port=parse_port(wanted.port),
        specialty_ids=parse_specialties(wanted.specialty_ids or ()),
        mapping=None,
        status=ConnectionStatus.INACTIVE,
        tls=secured(None, wanted.tls),
    )


def edited(connection: Connection, wanted: Changes) -> Connection:
    """Return the connection as a person changed it. Raises Refused with what to do.

    The status belongs to AE title, address and port: whoever changes one of them has to verify anew (R49).
    """
    changed = replace(
        connection,
        name=connection.name if wanted.name is None else parse_name(wanted.name),
        specialty_ids=(
            connection.specialty_ids if wanted.specialty_ids is None else parse_specialties(wanted.specialty_ids)
        ),
    )
    if connection.kind is not Kind.WORKLIST and wanted.query != QueryChanges():
        raise Refused(_ONLY_WORKLIST)
    _refuse_several(changed)
    if connection.kind is Kind.ULTRASOUND:
        if wanted.tls != TlsChanges():
            raise Refused("An ultrasound system is secured by the receiver's settings: see smartlink settings tls_port")
        if wanted.ae_title is not None or wanted.host is not None:
            raise Refused("AE title and address of an ultrasound system are set on the system itself: it calls us.")
        return replace(
            changed,
            port=connection.port if wanted.port is None else parse_port(wanted.port),
            mapping=wanted.mapping or connection.mapping,
            send_directly=connection.send_directly if wanted.send_directly is None else wanted.send_directly,
        )
    if wanted.mapping is not None or wanted.send_directly is not None:
        raise Refused(_ONLY_ULTRASOUND)
    changed = replace(
        changed,
        ae_title=connection.ae_title if wanted.ae_title is None else parse_ae_title(wanted.ae_title),
        host=connection.host if wanted.host is None else parse_host(wanted.host),
        port=connection.port if wanted.port is None else parse_port(wanted.port),
        tls=secured(connection.tls, wanted.tls),
        query=changed_query(connection.query, wanted.query) if connection.kind is Kind.WORKLIST else None,
    )
    if where(changed) == where(connection):
        return changed
    return replace(changed, status=ConnectionStatus.INACTIVE, verified_at=None)


def where(connection: Connection) -> tuple[AETitle, str, int | None, Tls | None]:
    """Return what the status of a connection belongs to (R49)."""
    return connection.ae_title, connection.host, connection.port, connection.tls


def secured(known: Tls | None, wanted: TlsChanges) -> Tls | None:
    """Return how a connection is secured as a person wants it, or raise Refused. Whoever names a file wants TLS."""
    if wanted.on is False:
        return None
    if known is None and wanted == TlsChanges():
        return None
    before = known or Tls()
    after = Tls(
        ca_file=_file(wanted.ca_file, before.ca_file),
        certificate=_file(wanted.certificate, before.certificate),
        key=_file(wanted.key, before.key),
        server_name=before.server_name if wanted.server_name is None else wanted.server_name.strip() or None,
    )
    if after.key is not None and after.certificate is None:
        raise Refused("A private key needs its certificate: --tls-certificate")
    return after


def _file(wanted: str | None, known: Path | None) -> Path | None:
    if wanted is None:
        return known
    return Path(wanted).absolute() if wanted.strip() else None


def parse_name(text: str) -> str:
    """Return the name of a connection, or raise Refused."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise Refused(f"Name your connection with 1 to {_LONGEST_NAME} characters.")
    return name


def parse_ae_title(text: str) -> AETitle:
    """Return an AE title, or raise Refused."""
    try:
        return AETitle.parse(text)
    except ValueError as error:
        raise Refused(str(error)) from error


def parse_host(text: str) -> str:
    """Return an IPv4 or IPv6 address or a host name, or raise Refused."""
    host = text.strip().removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    if len(host) > _LONGEST_HOST or not _HOST_NAME.fullmatch(host) or _LOOKS_NUMERIC.fullmatch(host):
        raise Refused("Enter the IP address of the server, such as 192.0.2.10 or 2001:db8::10.")
    return host


def parse_port(port: int | None) -> int:
    """Return a port, or raise Refused."""
    if port is None or not 1 <= port <= _LAST_PORT:
        raise Refused(f"Enter a port from 1 to {_LAST_PORT}.")
    return port


def parse_specialties(specialty_ids: tuple[UUID, ...]) -> tuple[UUID, ...]:
    """Return the specialties, each once, or raise Refused."""
    if not specialty_ids:
        raise Refused("Select at least one specialty.")
    return tuple(dict.fromkeys(specialty_ids))


def host_warning(host: str) -> str | None:
    """Return what to think of when a host name was entered instead of an address (R46)."""
    try:
        ip_address(host)
    except ValueError:
        return f"{host} is a host name: images wait whenever it cannot be resolved. An IP address is safer."
    return None


def new_ultrasound(
    connection_id: UUID, ae_title: AETitle, address: str, default_specialty_id: UUID | None
) -> Connection:
    """Return the connection that an unknown caller becomes: named after itself, with the defaults (R61-R63)."""
    return Connection(
        id=connection_id,
        kind=Kind.ULTRASOUND,
        name=ae_title,
        ae_title=ae_title,
        host=address,
        port=None,
        specialty_ids=() if default_specialty_id is None else (default_specialty_id,),
        mapping=Mapping.PERFORMING_PHYSICIAN,
        status=ConnectionStatus.ACTIVE,
    )


def restored(found: ConnectionAtWorks) -> Connection:
    """Return a connection as Works had it, after a reinstallation (R41)."""
    return Connection(
        id=found.id,
        kind=found.kind,
        name=found.name,
        ae_title=AETitle(found.ae_title),
        host=found.host,
        port=found.port,
        specialty_ids=found.specialty_ids,
        mapping=found.mapping,
        status=found.status,
        last_seen_at=found.last_seen_at,
        pushed_revision=1,
        works_id=found.id,
        works_version=found.version,
        query=Query() if found.kind is Kind.WORKLIST else None,
    )


def put_message(connection: Connection, default_specialty_id: UUID) -> ConnectionPut:
    """Return what Works is told. A peer without a specialty has the facility's default one."""
    return ConnectionPut(
        kind=connection.kind,
        name=connection.name,
        ae_title=connection.ae_title,
        host=connection.host,
        port=connection.port,
        specialty_ids=connection.specialty_ids or (default_specialty_id,),
        mapping=connection.mapping,
        status=connection.status,
        last_seen_at=connection.last_seen_at,
        version=connection.works_version,
    )


def without_removed(connection: Connection, specialty_ids: Collection[UUID]) -> Connection:
    """Return the connection without specialties that the facility no longer has (R98).

    An ultrasound system that loses all has the default one. A PACS that loses all keeps what it had, and is Inactive:
    no specialty means the default one, and nobody said that it takes that.
    """
    left = tuple(one for one in connection.specialty_ids if one in specialty_ids)
    if connection.specialty_ids and not left and connection.kind is not Kind.ULTRASOUND:
        return replace(connection, status=ConnectionStatus.INACTIVE, problem=SPECIALTY_REMOVED)
    return replace(connection, specialty_ids=left)


def may_store(kind: Kind) -> bool:
    """Tell whether a peer of this kind may send us images: a PACS or worklist server testing us may not (R61)."""
    return kind is Kind.ULTRASOUND


def directly_to(
    scanner: Connection, known: Iterable[Connection], default_specialty_id: UUID | None
) -> list[Connection]:
    """Return the PACS to which images of `scanner` go at once: none, or those of its specialties (R44).

    A peer without a specialty has the facility's default one.
    """
    if not scanner.send_directly:
        return []
    default = () if default_specialty_id is None else (default_specialty_id,)
    wanted = set(scanner.specialty_ids or default)
    return [one for one in known if one.kind is Kind.PACS and wanted.intersection(one.specialty_ids or default)]
