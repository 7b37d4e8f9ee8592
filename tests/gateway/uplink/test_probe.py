"""The way to Works and its storage: the first thing on it that is broken is named, and no password ever is."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from smartlink.gateway.checks_of_peers import Way
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.probe import put_a_byte, walk
from smartlink.link.insight import StorageProbe
from tests.gateway.authority import Authority
from tests.gateway.conftest import START, SetClock
from tests.gateway.fake_works import PORTAL_PAGE, PROBE_DIGEST, PROXY_PAGE, FakeWorks, store_error
from tests.gateway.uplink.proxy import Proxy, running

SECRET = "s3cret-w0rd"
UNTIL = START + timedelta(minutes=5)


def to(url: str, proxy: str | None = None) -> Way:
    setting = None if proxy is None else SecretStr(proxy)
    with new_client(proxy=setting) as http:
        way = walk(http, url, setting, SetClock())
    assert SECRET not in repr(way)
    return way


def byte_to(url: str) -> Way:
    headers = {"x-amz-checksum-sha256": PROBE_DIGEST, "if-none-match": "*", "content-length": "1"}
    with new_client() as http:
        return put_a_byte(http, StorageProbe(url=url, headers=headers, expires_at=UNTIL), None)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.proves("R104")
def test_works_answers_and_tells_its_time(works: FakeWorks) -> None:
    works.now = SetClock()
    works.clock_ahead = timedelta(seconds=90)
    way = to(works.url)
    assert way.cause is None
    assert way.skew == timedelta(seconds=90)


@pytest.mark.proves("R104", "R105")
def test_a_name_without_an_address_and_a_port_where_nobody_listens_are_told_apart() -> None:
    assert "(DNS)" in str(to("https://works.invalid").cause)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert "Nothing listens" in str(to(f"http://127.0.0.1:{nobody.getsockname()[1]}").cause)


@pytest.mark.proves("R104", "R105")
@pytest.mark.parametrize("page", [PROXY_PAGE, PORTAL_PAGE])
def test_a_page_of_somebody_else_is_not_works(works: FakeWorks, page: tuple[int, str, bytes]) -> None:
    works.disturb("/health", page)
    assert "Something else than Works" in str(to(works.url).cause)


@pytest.mark.proves("R104", "R105")
def test_a_proxy_is_named_and_what_it_wants_is_said(works: FakeWorks) -> None:
    with running(Proxy("smartlink", "other")) as proxy:
        assert "user name and a password" in str(to(works.url, proxy.url_with(f"smartlink:{SECRET}")).cause)
    with running(Proxy("smartlink", SECRET)) as proxy:
        assert "through the proxy 127.0.0.1" in to(works.url, proxy.url_with(f"smartlink:{SECRET}")).value
    gone = to(works.url, proxy.url_with(f"smartlink:{SECRET}"))
    assert "the proxy 127.0.0.1" in str(gone.cause)


@pytest.mark.proves("R104", "R105")
def test_a_certificate_that_nobody_vouches_for_is_said(tmp_path: Path) -> None:
    with secured(tmp_path) as port:
        assert "is not trusted" in str(to(f"https://127.0.0.1:{port}").cause)


@pytest.mark.proves("R104")
def test_a_byte_is_taken_the_first_time_and_known_from_then_on(works: FakeWorks) -> None:
    for _ in range(2):
        assert byte_to(f"{works.url}/objects/probe").cause is None
    assert works.objects == {"probe": b"\0"}


@pytest.mark.proves("R104", "R105")
def test_storage_that_refuses_and_a_proxy_in_its_place_are_told_apart(works: FakeWorks) -> None:
    works.disturb("/objects/", store_error(403, "SignatureDoesNotMatch"))
    assert "The storage refuses it" in str(byte_to(f"{works.url}/objects/probe").cause)
    works.disturb("/objects/", PROXY_PAGE)
    assert "Something else than the storage" in str(byte_to(f"{works.url}/objects/probe").cause)
    works.disturb("/objects/", None)
    assert "No answer" in str(byte_to(f"{works.url}/objects/probe").cause)
    assert "Only https" in str(byte_to("http://192.0.2.1/objects/probe").cause)
    assert "(DNS)" in str(byte_to("https://storage.invalid/probe").cause)


@contextmanager
def secured(folder: Path) -> Iterator[int]:
    """A server with a certificate of an authority that this system does not know."""
    issued = Authority(folder / "authority").issue()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                connected, _ = server.accept()
                with connected:
                    context.wrap_socket(connected, server_side=True).close()
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
    thread.join(5)
