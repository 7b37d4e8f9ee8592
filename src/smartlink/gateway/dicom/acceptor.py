"""The DICOM port: listens, gives each Association a thread, turns away what is too many."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.dicom.association import Association, Terms, Timeouts
from smartlink.gateway.dicom.upper_layer import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from smartlink.gateway.dicom.negotiation import Policy
    from smartlink.gateway.dicom.service import Callers, Service

log = structlog.get_logger(__name__)

_BACKLOG: Final = 128
_ROOM_FOR_REJECTIONS: Final = 16
_REST_AFTER_FAILURE: Final = 0.5


@dataclass(frozen=True, slots=True)
class AcceptorLimits:
    """How much we take on, and how long we wait."""

    associations: int = 64
    timeouts: Timeouts = field(default_factory=Timeouts)
    peer: Limits = field(default_factory=Limits)


class Acceptor:
    """The acceptor of one AE title on one port. `start` it, `close` it; a new one is made when settings change."""

    def __init__(
        self,
        host: str,
        port: int,
        policy: Policy,
        services: Mapping[int, Service],
        callers: Callers,
        clock: Callable[[], datetime],
        limits: AcceptorLimits | None = None,
    ) -> None:
        """Take where to listen (port 0: any), whom to answer and with what; nothing opens before `start`."""
        self._address = (host, port)
        self._limits = limits or AcceptorLimits()
        self._terms = Terms(policy, services, callers, clock, self._limits.timeouts, self._limits.peer)
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._gone = threading.Condition()
        self._stopped = threading.Event()
        self._running: set[Association] = set()

    @property
    def port(self) -> int:
        """The port that is listened on; of a closed acceptor, the one asked for."""
        return self._address[1] if self._listener is None else int(self._listener.getsockname()[1])

    @property
    def associations(self) -> int:
        """How many Associations are open."""
        return len(self._running)

    @property
    def alive(self) -> bool:
        """Whether the port is open and answered."""
        return self._thread is not None and self._thread.is_alive()

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until no Association is open any more, and return whether that came to be in time."""
        with self._gone:
            return self._gone.wait_for(self._empty, seconds)

    def start(self) -> None:
        """Open the port; OSError when it cannot be had."""
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._thread = threading.Thread(target=self._listen, args=(self._listener,), name="acceptor", daemon=True)
        self._thread.start()
        log.info("acceptor_started", port=self.port, ae_title=self._terms.policy.ae_title)

    def close(self, drain_seconds: float = 5.0) -> None:
        """Close the port at once, let messages under way end within `drain_seconds`, then hang up."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._stopped.set()
        _wake_and_close(listener)
        if self._thread is not None:
            self._thread.join(drain_seconds)
        with self._gone:
            for association in self._running:
                association.hang_up(only_if_idle=True)
            if not self._gone.wait_for(self._empty, drain_seconds):
                for association in self._running:
                    association.hang_up()
                self._gone.wait_for(self._empty, drain_seconds)
        log.info("acceptor_closed")

    def _listen(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                sock, address = listener.accept()
            except OSError as problem:
                if self._listener is listener:
                    log.error("accept_failed", why=type(problem).__name__)
                    self._stopped.wait(_REST_AFTER_FAILURE)
                continue
            self._welcome(sock, str(address[0]))

    def _welcome(self, sock: socket.socket, address: str) -> None:
        """Give the connection a thread; beyond the limit one that rejects, and beyond that none."""
        with self._gone:
            open_now = len(self._running)
            if open_now >= self._limits.associations + _ROOM_FOR_REJECTIONS:
                sock.close()
                return
            association = Association(sock, address, self._terms, full=open_now >= self._limits.associations)
            thread = threading.Thread(target=self._serve, args=(association,), name="association", daemon=True)
            self._running.add(association)
        thread.start()

    def _serve(self, association: Association) -> None:
        try:
            association.serve()
        finally:
            with self._gone:
                self._running.discard(association)
                self._gone.notify_all()

    def _empty(self) -> bool:
        return not self._running


def _wake_and_close(listener: socket.socket) -> None:
    """Close a listening socket so that a thread waiting in accept wakes up, on Linux and Windows."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
