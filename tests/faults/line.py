"""A line that is slow, is cut, goes down and comes back: passes TCP connections to a peer, and every byte unchanged."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from smartlink.demo.programs import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 64 * 1024
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets the connection, as a cut line or a killed peer does."""


@dataclass(slots=True)
class Line:
    """Listens on loopback and leads to `upstream`. Use as a context manager."""

    upstream: tuple[str, int]
    port: int = field(default_factory=free_port)
    bytes_per_second: float | None = None
    """How fast each way of each connection is; None: as fast as it goes."""
    delay_seconds: float = 0.0
    """How much later each piece of an answer comes."""
    passed: int = 0
    """Bytes that went to the upstream so far."""
    accepted: int = 0
    """Connections so far."""
    _listener: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cut_at: int | None = None
    _gone: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self.down()

    @property
    def url(self) -> str:
        """The same way for HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    def up(self) -> None:
        """Connections are accepted."""
        self._listener = socket.create_server((LOOPBACK, self.port))
        threading.Thread(target=self._accept, args=(self._listener,), name="line", daemon=True).start()

    def down(self) -> None:
        """Connections are refused, and those that are open are cut."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """What is open is reset; new connections are accepted."""
        with self._lock:
            cut, self._open = self._open, set()
        for sock in cut:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RD)  # wakes who reads it
            sock.close()

    def cut_after(self, more: int) -> None:
        """Cut once, when so many more bytes went to the upstream."""
        with self._lock:
            self._cut_at = self.passed + more

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(client,), name="line", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection, until both of its ways have ended."""
        with client, suppress(OSError), socket.create_connection(self.upstream, 10) as server:
            server.settimeout(None)
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            back = threading.Thread(target=self._pass, args=(server, client, self._answered), daemon=True)
            back.start()
            self._pass(client, server, self._asked)
            back.join()
            with self._lock:
                self._open -= {client, server}

    def _pass(self, source: socket.socket, sink: socket.socket, note: Callable[[int], None]) -> None:
        """Pass bytes one way until it ends, then end that way."""
        with suppress(OSError):
            while data := source.recv(PIECE):
                began = time.monotonic()
                note(len(data))
                sink.sendall(data)
                if self.bytes_per_second is not None:
                    self._gone.wait(len(data) / self.bytes_per_second - (time.monotonic() - began))
        with self._lock, suppress(OSError):
            if sink in self._open:
                sink.shutdown(socket.SHUT_WR)

    def _asked(self, count: int) -> None:
        with self._lock:
            self.passed += count
            due = self._cut_at is not None and self.passed >= self._cut_at
            if due:
                self._cut_at = None
        if due:
            self.cut()
            raise ConnectionResetError

    def _answered(self, _: int) -> None:
        if self.delay_seconds:
            self._gone.wait(self.delay_seconds)
