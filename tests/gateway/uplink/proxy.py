"""A proxy of our own, as hospitals have them: wants a password, opens tunnels, and answers its own pages on command."""

from __future__ import annotations

import base64
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Page = tuple[int, str, bytes]
"""Status, media type and body of an answer of the proxy's own."""

REASONS = {200: "OK", 302: "Found", 403: "Forbidden", 407: "Proxy Authentication Required", 502: "Bad Gateway"}
_LONGEST_HEAD = 64 * 1024


@dataclass
class Proxy:
    """The state of a proxy; tests change it while it runs."""

    user: str | None = None
    password: str | None = None
    page: Page | None = None
    """While set, requests are answered with it and do not go through."""
    page_for: str = ""
    """Only requests whose address contains this are answered with the page."""
    requests: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url_with(self, credentials: str) -> str:
        return f"http://{credentials}@127.0.0.1:{self.port}"

    def admits(self, head: str) -> bool:
        if self.user is None:
            return True
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"proxy-authorization: basic {wanted}".lower() in head.lower()


@contextmanager
def running(proxy: Proxy) -> Iterator[Proxy]:
    """Serve `proxy` on a free port of this machine until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as door:
        proxy.port = door.getsockname()[1]
        door.settimeout(0.1)
        ended = threading.Event()
        thread = threading.Thread(target=_accept, args=(door, proxy, ended), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            ended.set()
            thread.join()


def _accept(door: socket.socket, proxy: Proxy, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            peer, _ = door.accept()
        except TimeoutError:
            continue
        threading.Thread(target=_serve, args=(peer, proxy, ended), daemon=True).start()


def _serve(peer: socket.socket, proxy: Proxy, ended: threading.Event) -> None:
    """Serve one request of one connection: later requests on it are made on a new one."""
    with peer:
        head, rest = _head(peer)
        if not head:
            return
        request, _, fields = head.partition("\r\n")
        method, target, _version = request.split(" ", 2)
        proxy.requests.append(f"{method} {target.partition('?')[0]}")
        page = proxy.page if proxy.page_for in target else None
        if not proxy.admits(head):
            page = (407, "text/html", b"<html>Who are you?</html>")
        if page is not None:
            _answer(peer, page, fields, rest)
            return
        host, port, first = _onward(method, target, fields)
        with socket.create_connection((host, port), timeout=10) as there:
            if method == "CONNECT":
                peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                there.sendall(first)
            _pipe(peer, there, rest, ended, tunnel=method == "CONNECT")


def _head(peer: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data and len(data) < _LONGEST_HEAD:
        piece = peer.recv(65536)
        if not piece:
            return "", b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _onward(method: str, target: str, fields: str) -> tuple[str, int, bytes]:
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        return host, int(port), b""
    parts = urlsplit(target)
    path = target[target.index(parts.netloc) + len(parts.netloc) :] or "/"
    kept = [line for line in fields.split("\r\n") if not line.lower().startswith(("proxy-", "connection:"))]
    first = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""])
    return parts.hostname or "", parts.port or 80, first.encode("latin-1")


def _answer(peer: socket.socket, page: Page, fields: str, rest: bytes) -> None:
    """Answer a page of the proxy's own, after the whole request was read, as a polite proxy does."""
    length = next(
        (int(line.partition(":")[2]) for line in fields.split("\r\n") if line.lower().startswith("content-length:")), 0
    )
    left = length - len(rest)
    while left > 0:
        piece = peer.recv(65536)
        if not piece:
            return
        left -= len(piece)
    status, media_type, body = page
    more = "Location: http://login.example/\r\n" if status == 302 else ""
    peer.sendall(
        f"HTTP/1.1 {status} {REASONS[status]}\r\n{more}Content-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


def _pipe(peer: socket.socket, there: socket.socket, first: bytes, ended: threading.Event, *, tunnel: bool) -> None:
    """Pass bytes both ways; outside a tunnel the answer says that it is the last one on this connection."""
    begun = tunnel
    with suppress(OSError):
        there.sendall(first)
        while not ended.is_set():
            ready, _, _ = select.select([peer, there], [], [], 0.1)
            for one in ready:
                data = one.recv(65536)
                if not data:
                    return
                if one is there and not begun:
                    data, begun = data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), True
                (there if one is peer else peer).sendall(data)
