"""A door in front of object storage that passes every byte unchanged and counts the PUTs that went through whole."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

PIECE = 1 << 20


@dataclass(slots=True)
class _Requests:
    """Follows HTTP/1.1 requests in a stream of bytes (RFC 9112): a head, then Content-Length bytes, and again."""

    finished: Counter[str]
    _head: bytes = b""
    _left: int = 0
    _path: str | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        while data:
            data = self._body(data) if self._left else self._heading(data)

    def _heading(self, data: bytes) -> bytes:
        head, end, rest = (self._head + data).partition(b"\r\n\r\n")
        if not end:
            self._head = head
            return b""
        self._head = b""
        request, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, target, *_ = request.split(" ")
        self._left = int(headers.get("content-length", "0"))
        self._path = target.partition("?")[0] if method == "PUT" else None
        return rest

    def _body(self, data: bytes) -> bytes:
        taken = min(self._left, len(data))
        self._left -= taken
        if self._left == 0 and self._path is not None:
            self.finished[self._path] += 1
        return data[taken:]


@dataclass(slots=True)
class CountingDoor:
    """Listens on a free port of loopback and leads to `upstream`. Use as a context manager."""

    upstream: tuple[str, int]
    puts: Counter[str] = field(default_factory=Counter)
    """Path to the number of PUTs whose whole body went through."""
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """Where to go instead of the upstream."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="counting door", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def total(self) -> int:
        """How many PUTs went through whole so far."""
        return sum(self.puts.values())

    def repeats(self, keys: list[str]) -> int:
        """How many whole PUTs of these objects were one too many."""
        counted = {path.split("/", 2)[-1]: count for path, count in self.puts.items()}
        return sum(max(counted.get(key, 0) - 1, 0) for key in keys)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection, until both of its ways have ended."""
        with client, suppress(OSError), socket.create_connection(self.upstream) as server:
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._pass, args=(server, client, None), daemon=True)
            back.start()
            self._pass(client, server, _Requests(self.puts))
            back.join()

    def _pass(self, source: socket.socket, sink: socket.socket, requests: _Requests | None) -> None:
        """Pass bytes one way until it ends, then end that way."""
        with suppress(OSError):
            while data := source.recv(PIECE):
                sink.sendall(data)
                if requests is not None:
                    requests.feed(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
