"""Walks the way to Works and to its storage from the outside in, to name the first thing that is broken (R104)."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore

from smartlink.gateway.checks_of_peers import Way
from smartlink.gateway.errors import TryAgain
from smartlink.gateway.uplink.address import check
from smartlink.gateway.uplink.http import exchange
from smartlink.link import paths

if TYPE_CHECKING:
    import httpx
    from pydantic import SecretStr

    from smartlink.gateway.loop import Clock
    from smartlink.gateway.uplink.http import Answer
    from smartlink.link.insight import StorageProbe

_SECONDS: Final = 8.0
_LARGEST: Final = 64 * 1024
_PORTS: Final = {"https": 443, "http": 80}
_OK: Final = 200
_AUTHENTICATE: Final = 407
_HAS_IT: Final = 412


def walk(client: httpx.Client, works_url: str, proxy: SecretStr | None, now: Clock) -> Way:
    """Return how far the way to Works goes; never raises, and shows no password of a proxy."""
    url, through = urlsplit(works_url), _proxy_for(works_url, proxy)
    began = time.monotonic()
    broken = _reach(url, through)
    if broken is not None:
        return broken
    try:
        answer = exchange(client, "GET", works_url + paths.HEALTH, headers={}, largest=_LARGEST)
    except TryAgain as error:
        return _broken(url, str(error), "Ask the network's administrator whether this machine may reach Works.")
    took = (time.monotonic() - began) * 1000
    if answer.status == _AUTHENTICATE:
        return _broken(url, "The proxy wants a user name and a password.", "Set them in SMARTLINK_PROXY.")
    if answer.media_type != "application/json" or answer.status != _OK:
        cause = f"Something else than Works answers, or Works is not well (status {answer.status})."
        return _broken(url, cause, "Look whether a proxy or sign-in page stands between; else wait for Works.")
    by = "" if through is None else f" through the proxy {through.hostname}"
    return Way(f"{url.hostname} answers in {took:.0f} ms{by}", skew=_skew(answer, now))


def put_a_byte(client: httpx.Client, probe: StorageProbe, proxy: SecretStr | None) -> Way:
    """Return whether object storage takes what Works permits: one byte, put once and refused as known from then on."""
    url, through = urlsplit(probe.url), _proxy_for(probe.url, proxy)
    try:
        check(probe.url)
    except ValueError as error:
        return _broken(url, str(error), "Tell support: Works names an address that may not be called.")
    began = time.monotonic()
    broken = _reach(url, through)
    if broken is not None:
        return broken
    headers = {name: value for name, value in probe.headers.items() if name.lower() not in {"host", "content-length"}}
    try:
        answer = exchange(
            client, "PUT", probe.url, headers={**headers, "Content-Length": "1"}, content=b"\0", largest=_LARGEST
        )
    except TryAgain as error:
        return _broken(url, str(error), "Ask the network's administrator whether this machine may reach it.")
    took = (time.monotonic() - began) * 1000
    if answer.is_success or answer.status == _HAS_IT:
        return Way(f"{url.hostname} takes a byte in {took:.0f} ms")
    if answer.media_type not in {"application/xml", "text/xml"}:
        cause = f"Something else than the storage answers (status {answer.status}): a proxy, perhaps."
        return _broken(url, cause, "Let this machine reach the storage directly, or tell the proxy to let it through.")
    return _broken(url, f"The storage refuses it (status {answer.status}).", "Tell whoever runs Works.")


def _reach(url: SplitResult, through: SplitResult | None) -> Way | None:
    """Return what is broken below HTTP: name, route, port, or TLS where no proxy stands between."""
    first = through or url
    who = f"the proxy {first.hostname}" if through is not None else str(first.hostname)
    port = first.port or _PORTS.get(first.scheme, 443)
    try:
        connected = socket.create_connection((first.hostname or "", port), _SECONDS)
    except socket.gaierror:
        return _broken(url, f"The name of {who} has no address (DNS).", "Check the name server of this machine.")
    except TimeoutError:
        remedy = f"A firewall may be in the way: it has to let this machine out to port {port}."
        return _broken(url, f"Nothing answers at {who}, port {port}.", remedy)
    except ConnectionRefusedError:
        return _broken(url, f"Nothing listens at {who}, port {port}.", "Check address and port; Works may be down.")
    except OSError as error:
        cause = f"There is no way to {who} ({error.strerror or type(error).__name__})."
        return _broken(url, cause, "Check the cable, the network settings and the default route of this machine.")
    with connected:
        if through is not None or url.scheme != "https":
            return None
        return _secure(connected, url)


def _secure(connected: socket.socket, url: SplitResult) -> Way | None:
    try:
        with truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(connected, server_hostname=url.hostname):
            return None
    except ssl.SSLCertVerificationError as error:
        cause = f"The certificate of {url.hostname} is not trusted ({error.verify_message})."
        remedy = "If a firewall inspects TLS, its certificate belongs into this system's trust store; check the clock."
        return _broken(url, cause, remedy)
    except (ssl.SSLError, OSError) as error:
        cause = f"The connection to {url.hostname} cannot be secured ({type(error).__name__})."
        return _broken(url, cause, "Look whether a firewall or proxy breaks TLS connections.")


def _proxy_for(address: str, setting: SecretStr | None) -> SplitResult | None:
    """Return the proxy that stands before this address: the setting's, or the environment's."""
    if setting is not None:
        return urlsplit(setting.get_secret_value())
    url = urlsplit(address)
    found = getproxies()
    text = found.get(url.scheme) or found.get("all")
    if not text or proxy_bypass(url.hostname or ""):
        return None
    return urlsplit(text if "://" in text else f"http://{text}")


def _broken(url: SplitResult, cause: str, remedy: str) -> Way:
    return Way(f"{url.hostname} cannot be reached", cause, remedy)


def _skew(answer: Answer, now: Clock) -> timedelta | None:
    """Return how far the other clock is ahead; it tells whole seconds."""
    try:
        told = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return told.replace(tzinfo=told.tzinfo or UTC) - now().replace(microsecond=0)
