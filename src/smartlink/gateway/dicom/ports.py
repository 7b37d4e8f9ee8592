"""The ports of one receiver, plain and TLS, as its settings say: one door, one set of services, two ways in."""

from __future__ import annotations

import contextlib
import threading
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from smartlink.gateway.certificates import Pair
from smartlink.gateway.dicom.acceptor import Acceptor, AcceptorLimits
from smartlink.gateway.dicom.admission import Gate, HouseRules
from smartlink.gateway.dicom.negotiation import ABSTRACT_SYNTAXES, Policy
from smartlink.gateway.dicom.patience import Timeouts
from smartlink.gateway.dicom.tls import Identity, ServerSide
from smartlink.gateway.dicom.upper_layer import Limits
from smartlink.standard.names import AETitle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smartlink.gateway.dicom.service import Callers, Service
    from smartlink.gateway.settings import SmartLinkSettings


class Ports:
    """The plain port, the TLS port, or both. `start` them, `close` them; new ones are made when settings change."""

    def __init__(self, plain: Acceptor | None, secured: Acceptor | None) -> None:
        """Take what is to be opened, one at least."""
        self._plain = plain
        self._secured = secured
        self._all = [one for one in (plain, secured) if one is not None]

    @property
    def port(self) -> int | None:
        """The plain port really bound; None without one."""
        return None if self._plain is None else self._plain.port

    @property
    def tls_port(self) -> int | None:
        """The TLS port really bound; None without one."""
        return None if self._secured is None else self._secured.port

    @property
    def alive(self) -> bool:
        """Whether every port is open and answered."""
        return all(one.alive for one in self._all)

    def start(self) -> None:
        """Open all ports or none; OSError, whose `filename` is the port, when one cannot be had."""
        with contextlib.ExitStack() as undo:
            for one in self._all:
                try:
                    one.start()
                except OSError as problem:
                    raise OSError(problem.errno, problem.strerror, str(one.port)) from problem
                undo.callback(one.close)
            undo.pop_all()

    def close(self, drain_seconds: float) -> None:
        """Close all ports at once, let associations in progress end."""
        closing = [threading.Thread(target=one.close, args=(drain_seconds,), name="drain") for one in self._all]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()


def ports_of(
    bind: str,
    settings: SmartLinkSettings,
    services: Mapping[int, Service],
    callers: Callers,
    is_blocked: Callable[[AETitle], bool] = lambda _ae_title: False,
) -> Ports:
    """Return the ports of a receiver with these settings, not yet open."""
    gate, limits = Gate(rules_of(settings), is_blocked), limits_of(settings)
    policy = Policy(
        AETitle(settings.receiver_ae_title),
        any_called_ae_title=settings.any_called_ae_title,
        any_abstract_syntax=settings.any_abstract_syntax,
        abstract_syntaxes=ABSTRACT_SYNTAXES.union(settings.abstract_syntaxes),
        maximum_length=settings.largest_pdu_bytes,
    )

    def acceptor(port: int, security: ServerSide | None = None) -> Acceptor:
        return Acceptor(bind, port, policy, services, callers, limits, gate, security)

    identity = identity_of(settings)
    return Ports(
        None if settings.tls_only else acceptor(settings.port),
        None if settings.tls_port is None or identity is None else acceptor(settings.tls_port, ServerSide(identity)),
    )


def identity_of(settings: SmartLinkSettings) -> Identity | None:
    """Return how the receiver shows who it is over TLS; None without a TLS port."""
    if settings.tls_port is None or settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Identity(
        Pair("receiver", Path(settings.tls_certificate), Path(settings.tls_key)),
        None if settings.tls_ca_file is None else Path(settings.tls_ca_file),
        settings.tls_require_client_certificate,
    )


def limits_of(settings: SmartLinkSettings) -> AcceptorLimits:
    """Return how much is taken from a caller, and how long it is waited for."""
    return AcceptorLimits(
        Timeouts(
            artim=settings.association_request_seconds,
            idle=settings.association_idle_seconds,
            stall=settings.association_stall_seconds,
            slowest=settings.slowest_bytes_per_second,
        ),
        Limits(associate=settings.largest_request_bytes, command=settings.largest_command_bytes),
    )


def rules_of(settings: SmartLinkSettings) -> HouseRules:
    """Return who may come in, and how many at once."""
    return HouseRules(
        associations=settings.associations,
        per_ae_title=settings.associations_per_ae_title,
        per_address=settings.associations_per_address,
        calling_ae_titles=frozenset(AETitle(title).folded for title in settings.allowed_ae_titles),
        networks=tuple(ip_network(network) for network in settings.allowed_networks),
    )
