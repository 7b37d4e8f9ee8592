"""The link stands in front of the pages and takes only what is its own."""

import httpx
import pytest
from starlette.responses import PlainTextResponse

from smartlink.link import paths
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
