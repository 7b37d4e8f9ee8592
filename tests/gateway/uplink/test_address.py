"""https anywhere, plain http only on this machine."""

from __future__ import annotations

import pytest

from smartlink.gateway.uplink.address import check, works_url


@pytest.mark.parametrize(
    "text", ["https://works.example.org", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080"]
)
def test_good_addresses_pass(text: str) -> None:
    check(text)
    assert works_url(text + "/") == text


@pytest.mark.parametrize(
    "text",
    [
        "http://works.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://",
        "works",
        "",
        "https://user:secret@works.example.org",
        "https://works.example.org:port",
        "http://0177.0.0.1.example",
    ],
)
def test_bad_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|https"):
        check(text)


def test_the_address_of_works_has_no_query() -> None:
    with pytest.raises(ValueError, match="ends after"):
        works_url("https://works.example.org/?a=b")
