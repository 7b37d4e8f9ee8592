"""A client of the link that is signed in to the fake Works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from pydantic import SecretStr

from smartlink.gateway.errors import TryAgain
from smartlink.gateway.loop import Clock
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.works import Account, WorksClient
from smartlink.link.activation import Activate
from smartlink.link.assertion import generate_key, public_text
from tests.gateway.fake_works import FakeWorks


def a_request(works: FakeWorks, public_key: str, key: str | None = None) -> Activate:
    return Activate(
        licence_key=SecretStr(key or works.key), installation_id=uuid4(), public_key=public_key, version="0.1.0"
    )


@contextmanager
def signed_in(works: FakeWorks, clock: Clock, proxy: SecretStr | None = None) -> Iterator[WorksClient]:
    """Activate and yield a client for the new gateway; all its calls go through the proxy, if one is given."""
    accounts: list[Account] = []

    def account() -> Account:
        if not accounts:
            raise TryAgain("There is no licence yet.")
        return accounts[0]

    with new_client(proxy=proxy) as http:
        client = WorksClient(http, account, clock)
        pair = generate_key()
        activated = client.activate(works.url, a_request(works, public_text(pair)))
        accounts.append(Account(works.url, activated.gateway_id, pair))
        yield client
