"""The HTTP client that both directions share: the system's trust store, time limits, no redirects, bounded answers."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
import truststore

from smartlink.gateway.errors import TryAgain, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import SecretStr

Client = httpx.Client

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 60.0
_STATUS: Final = re.compile(r"[45][0-9]{2}\b")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers (names in lower case) and a body of bounded size."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004  the class of success

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def new_client(connections: int = 16, *, proxy: SecretStr | None = None) -> httpx.Client:
    """Return a client for the life of the program: all goes through `proxy`, or through the environment's."""
    return httpx.Client(
        verify=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        proxy=None if proxy is None else _proxy(proxy),
        timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
    )


def exchange(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | Iterable[bytes] | None = None,
    largest: int,
) -> Answer:
    """Send one request and return its whole answer. Raises Unreachable when none came, TryAgain when it is too long."""
    try:
        with client.stream(method, url, headers=dict(headers), content=content) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > largest:
                    raise TryAgain("The answer is far too long to be the expected one.", status=response.status_code)
            lowered = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, lowered, bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _unreachable(error) from error


def fetch(
    client: httpx.Client,
    url: str,
    *,
    headers: Mapping[str, str],
    size: int,
    piece: int,
    take: Callable[[memoryview], None],
    largest: int,
) -> Answer:
    """Get one object of `size` bytes and pass them on as they come, unchanged, in pieces of at most `piece`.

    An answer without exactly that many bytes, or other than 200, passes nothing on and comes back whole, as
    `exchange` returns it. Raises Unreachable when no answer came, or not all of it.
    """
    wanted = {**headers, "Accept-Encoding": "identity"}
    try:
        with client.stream("GET", url, headers=wanted) as response:
            lowered = {name.lower(): value for name, value in response.headers.items()}
            body = bytearray()
            if response.status_code == 200 and lowered.get("content-length") == str(size):  # noqa: PLR2004
                for part in response.iter_raw(piece):
                    take(memoryview(part))
            else:
                for part in response.iter_raw(largest):
                    body += part
                    if len(body) > largest:
                        break
            return Answer(response.status_code, lowered, bytes(body[:largest]))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _unreachable(error) from error


def _unreachable(error: Exception) -> Unreachable:
    if isinstance(error, httpx.ProxyError):
        return Unreachable(f"The proxy does not let SmartLink through ({_said(error)}).")
    return Unreachable(f"No answer ({type(error).__name__}).")


def _proxy(setting: SecretStr) -> httpx.Proxy:
    """Return the proxy of the setting, whose own certificate the system's trust store answers for, too."""
    url = setting.get_secret_value()
    secure = url.lower().startswith("https:")
    return httpx.Proxy(url, ssl_context=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if secure else None)


def _said(error: httpx.ProxyError) -> str:
    """Return the status that the proxy answered, and nothing else of what it said."""
    status = _STATUS.match(str(error))
    return type(error).__name__ if status is None else status.group()
