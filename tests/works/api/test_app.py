"""The link stands in front of the pages and takes only what is its own."""

import httpx
import pytest
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from smartlink.link import paths
from smartlink.works import audit
from smartlink.works.api.app import join
from tests.works.serving import serving

LINK, PAGES = PlainTextResponse("link"), PlainTextResponse("pages")


@pytest.mark.parametrize(
    ("address", "answered_by"),
    [
        (paths.HEALTH, "link"),
        (paths.TOKEN, "link"),
        ("/link/openapi.json", "link"),
        ("/", "pages"),
        ("/link", "pages"),
        ("/linkage", "pages"),
        ("/health/x", "pages"),
        ("/exams/1", "pages"),
    ],
)
def test_each_address_has_its_answerer(address: str, answered_by: str) -> None:
    with serving(join(LINK, PAGES)) as works:
        assert httpx.get(works + address).text == answered_by


def test_what_is_audited_says_from_where_it_was_asked() -> None:
    async def tells(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(await run_in_threadpool(lambda: audit.ADDRESS.get() or "nobody"))(scope, receive, send)

    with serving(join(tells, tells)) as works:
        assert [httpx.get(works + path).text for path in ("/", paths.TOKEN)] == ["127.0.0.1"] * 2
    assert audit.ADDRESS.get() is None
