"""What is asked of a peer that we call, and what becomes of it: values without sockets, for use cases and `dicom`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from smartlink.gateway.errors import GatewayError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """How the way to a peer is secured (PS3.15 section B.12), by the files that are needed for it."""

    ca_file: Path | None = None
    """Whom to trust; None: the system's own list."""
    certificate: Path | None = None
    """What to show to a peer that asks for a certificate; None: nothing."""
    key: Path | None = None
    """Its private key; None: it lies in the same file."""
    server_name: str | None = None
    """The name that the peer's certificate has to bear; None: the host name or address that is called."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The Application Entity that we call, and the AE titles of both sides (PS3.8 section 7.1.1)."""

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    tls: Tls | None = None
    """None: the connection is not secured."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One instance to be stored in a peer: a Data Set within a file, sent as it lies there."""

    key: int
    """The caller's own number for it: outcomes name it."""
    path: Path
    dataset_offset: int
    dataset_length: int
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class SendLimits:
    """How long we wait for a peer, in seconds. Each wait is bounded as a whole, not each piece of it."""

    connect_seconds: float = 10.0
    """For the transport connection."""
    associate_seconds: float = 30.0
    """For the answer to our request for an Association, and for the end of one."""
    response_seconds: float = 60.0
    """For the response to one message, after its last byte was sent."""
    idle_seconds: float = 60.0
    """For the peer to take any more bytes of a Data Set."""
    slowest_bytes_per_second: int = 4096
    """A peer that takes a Data Set more slowly than this is given up: it would hold up the queue for days."""
    stop_seconds: float = 5.0
    """For the response under way when the program is told to stop."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The peer's response came, with this Status (PS3.4 section B.2.3); whether it means success is for others."""

    key: int
    status: int


@dataclass(frozen=True, slots=True)
class ContextRefused:
    """The peer did not accept the instance's Presentation Context in an Association that it did accept."""

    key: int
    accepted: tuple[str, ...]
    """Transfer Syntaxes of the fallback contexts that it accepted for this SOP Class; empty: it takes none of them."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The instance's file cannot be read as it should be; the peer was told nothing of it, or was told to forget it."""

    key: int
    why: str


Outcome = Answered | ContextRefused | Unreadable


_PACS: Final = re.compile(r"PACS server|PACS")


class Layer(StrEnum):
    """Where the way to a peer is broken, from the outside in."""

    NAME = "name"
    """The host name has no address."""
    ROUTE = "route"
    """No machine answers at the address."""
    PORT = "port"
    """The machine answers, and nothing listens on the port."""
    TLS = "tls"
    """The connection cannot be secured, or only one side wants it to be."""
    ASSOCIATION = "association"
    """The peer rejects the Association."""
    CONTEXT = "context"
    """The peer accepts the Association, and not what it is wanted for."""
    TIMEOUT = "timeout"
    """The connection stands, and the peer does not answer in time."""
    ABORTED = "aborted"
    """The peer, or the network, ended the Association early."""
    PROTOCOL = "protocol"
    """The peer says what no DICOM peer says."""


class AssociationFailed(GatewayError):
    """No Association, or it ended early: about the destination, never about an instance.

    `sentence` says what happened, `remedy` what a person can do about it, both without patient data.
    """

    def __init__(self, layer: Layer, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.layer = layer
        self.sentence = sentence
        self.remedy = remedy

    def at(self, server: str) -> AssociationFailed:
        """The same failure at a peer that is no PACS: its remedy speaks of `server`."""
        return AssociationFailed(self.layer, self.sentence, _PACS.sub(server, self.remedy))
