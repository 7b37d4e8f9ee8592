"""The DICOM port: listens, gives each Association a thread, turns away what is too many."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.dicom.admission import NOT_ALLOWED_ADDRESS, Gate
from smartlink.gateway.dicom.association import Association, Terms
from smartlink.gateway.dicom.patience import Timeouts
from smartlink.gateway.dicom.tls import ServerSide
from smartlink.gateway.dicom.upper_layer import Limits
from smartlink.gateway.platform import descriptors
from smartlink.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smartlink.gateway.dicom.negotiation import Policy
    from smartlink.gateway.dicom.service import Callers, Service

log = structlog.get_logger(__name__)

_BACKLOG: Final = 128
_ROOM_FOR_REJECTIONS: Final = 16
_REST_AFTER_FAILURE: Final = 0.5
_TELL_EVERY: Final = 300.0
_SCARCE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class AcceptorLimits:
    """How much we take from a peer, and how long we wait for it."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    peer: Limits = field(default_factory=Limits)
    say_something: float = 1.0
    """Seconds after which a connection without an Association makes room for a new one when there are too many."""
    clock: Callable[[], float] = time.monotonic


class Acceptor:
    """The acceptor of one AE title on one port. `start` it, `close` it; a new one is made when settings change."""

    def __init__(
        self,
        host: str,
        port: int,
        policy: Policy,
        services: Mapping[int, Service],
        callers: Callers,
        limits: AcceptorLimits | None = None,
        gate: Gate | None = None,
        security: ServerSide | None = None,
    ) -> None:
        """Take where to listen (port 0: any), whom to answer and with what; nothing opens before `start`."""
        self._address = (host, port)
        self._limits = limits or AcceptorLimits()
        self._gate = gate or Gate()
        self._clock = self._limits.clock
        self._terms = Terms(
            policy, services, callers, self._limits.timeouts, self._limits.peer, self._gate, security, self._clock
        )
        self._spare: int | None = None
        self._told_at: float | None = None
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
        """How many connections are open, with an Association or without."""
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
        self._spare = _open_spare()
        self._thread = threading.Thread(target=self._listen, args=(self._listener,), name="acceptor", daemon=True)
        self._thread.start()
        log.info(
            "acceptor_started",
            port=self.port,
            ae_title=self._terms.policy.ae_title,
            tls=self._terms.security is not None,
        )

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
                sock, (address, *_) = listener.accept()
            except (OSError, MemoryError) as problem:
                if self._listener is listener:
                    self._not_accepted(listener, problem)
                continue
            try:
                self._welcome(sock, str(address))
            except (RuntimeError, MemoryError) as problem:
                # No thread or no memory for one more: whoever calls later may find some.
                sock.close()
                self._tell(problem)
        if self._spare is not None:
            os.close(self._spare)

    def _welcome(self, sock: socket.socket, address: str) -> None:
        """Give the connection a thread; one that is too many rejects, and far too many get none."""
        if not self._gate.knows(address):
            sock.close()
            self._terms.callers.refused(Refusal(address, NOT_ALLOWED_ADDRESS))
            return
        association = Association(sock, address, self._terms, full=descriptors.scarce(sock.fileno()))
        thread = threading.Thread(target=self._serve, args=(association,), name="association", daemon=True)
        with self._gone:
            if len(self._running) >= self._gate.associations + _ROOM_FOR_REJECTIONS and not self._make_room():
                sock.close()
                return
            self._running.add(association)
        try:
            thread.start()
        except BaseException:
            with self._gone:
                self._running.discard(association)
            raise

    def _make_room(self) -> bool:
        """Hang up on who has been here longest without an Association: nobody blocks the door by saying nothing.

        Return whether there was somebody; who came only just now gets the time to say what it wants.
        """
        silent = [one for one in self._running if not one.established and not one.closing]
        oldest = min(silent, key=lambda one: one.since, default=None)
        if oldest is None or self._clock() - oldest.since < self._limits.say_something:
            return False
        oldest.hang_up()
        return True

    def _not_accepted(self, listener: socket.socket, problem: OSError | MemoryError) -> None:
        """Say so now and then, and rest: without a descriptor accept fails at once, and again at once."""
        if isinstance(problem, ConnectionAbortedError):
            return  # its peer was gone already
        self._tell(problem)
        if not (isinstance(problem, OSError) and problem.errno in _SCARCE and self._hang_up_on_next(listener)):
            self._stopped.wait(_REST_AFTER_FAILURE)

    def _hang_up_on_next(self, listener: socket.socket) -> bool:
        """Give up the spare descriptor for a moment to hang up on who calls now; return whether somebody did."""
        if self._spare is not None:
            os.close(self._spare)
        try:
            listener.settimeout(0)
            listener.accept()[0].close()
            return True
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):  # it may have been closed meanwhile
                listener.settimeout(None)
            self._spare = _open_spare()

    def _tell(self, problem: BaseException) -> None:
        """Log a trouble that may come with every connection, at most once in a while."""
        now = self._clock()
        if self._told_at is None or now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            log.error(
                "connection_not_served",
                why=errno.errorcode.get(getattr(problem, "errno", 0) or 0, type(problem).__name__),
                action="New associations are refused until this machine has room again; those open go on.",
            )

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


def _open_spare() -> int | None:
    """Return a descriptor kept for the day when there are none, so that a caller can be hung up on; None without."""
    try:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return None
