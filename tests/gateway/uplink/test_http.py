"""One exchange: a whole answer of bounded size, or Unreachable; also through a proxy, and with the system's trust."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from smartlink.gateway.errors import TryAgain, Unreachable
from smartlink.gateway.uplink.http import Answer, exchange, new_client
from tests.gateway.fake_works import FakeWorks
from tests.gateway.uplink.authority import write_chain
from tests.gateway.uplink.proxy import Proxy, running


def test_an_answer_comes_whole(works: FakeWorks) -> None:
    with new_client() as http:
        answer = exchange(http, "GET", works.url + "/health", headers={}, largest=1000)
    assert (answer.status, answer.is_success, answer.media_type) == (200, True, "application/json")


def test_an_answer_that_is_far_too_long_is_none(works: FakeWorks) -> None:
    works.disturb("/health", (200, "application/json", b"x" * 5000))
    with new_client() as http, pytest.raises(TryAgain, match="too long"):
        exchange(http, "GET", works.url + "/health", headers={}, largest=1000)


def test_a_redirect_is_not_followed(works: FakeWorks) -> None:
    works.disturb("/health", (302, "text/html", b""))
    with new_client() as http:
        assert exchange(http, "GET", works.url + "/health", headers={}, largest=1000).status == 302


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with new_client() as http, pytest.raises(Unreachable, match="ConnectError"):
            exchange(http, "GET", url, headers={}, largest=1000)


def test_hanging_up_is_unreachable(works: FakeWorks) -> None:
    works.disturb("/health", None)
    with new_client() as http, pytest.raises(Unreachable):
        exchange(http, "GET", works.url + "/health", headers={}, largest=1000)


def test_a_media_type_loses_its_parameters() -> None:
    assert Answer(200, {"content-type": "Application/JSON; charset=utf-8"}, b"").media_type == "application/json"


SECRET = "s3cret-w0rd"


def ask(url: str, proxy: str | None = None) -> Answer:
    with new_client(proxy=None if proxy is None else SecretStr(proxy)) as http:
        return exchange(http, "GET", url, headers={}, largest=1000)


def test_all_goes_through_a_proxy_with_its_password(works: FakeWorks) -> None:
    with running(Proxy("smartlink", "p@ss word")) as proxy:
        answer = ask(works.url + "/health", proxy.url_with("smartlink:p%40ss%20word"))
    assert answer.status == 200
    assert proxy.requests == [f"GET {works.url}/health"]


def test_a_proxy_that_wants_another_password_is_named_and_the_password_is_not(works: FakeWorks) -> None:
    with running(Proxy("smartlink", "other")) as proxy:
        assert ask(works.url + "/health", proxy.url_with(f"smartlink:{SECRET}")).status == 407
        with pytest.raises(Unreachable) as refused:
            ask("https://127.0.0.1:9/health", proxy.url_with(f"smartlink:{SECRET}"))
    assert str(refused.value) == "The proxy does not let SmartLink through (407)."
    assert SECRET not in repr(refused.value)


class Secure:
    """An https server with a certificate of a test authority that nobody else trusts."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "authority.pem"
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        write_chain(self.authority, certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = HTTPServer(("127.0.0.1", 0), Well)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}/health"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Well(BaseHTTPRequestHandler):
    """Answers that all is well."""

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    server = Secure(tmp_path)
    yield server
    server.close()


def test_an_authority_of_the_systems_trust_store_is_trusted_also_through_a_proxy(
    secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unreachable, match="ConnectError"):
        ask(secure.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))
    assert ask(secure.url).status == 200
    with running(Proxy("smartlink", SECRET)) as proxy:
        assert ask(secure.url, proxy.url_with(f"smartlink:{SECRET}")).status == 200
    assert proxy.requests[0].startswith("CONNECT localhost:")
