"""Styles and scripts: kept by the browser, compressed on the way."""

import re

from tests.works.web.town import Town


def test_a_page_s_styles_and_scripts_are_all_there_and_may_be_kept(town: Town) -> None:
    browser = town.signed_in()
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', browser.get("/drafts").text)
    assert len(addresses) >= 8
    for address in addresses:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]


def test_they_are_compressed_for_who_takes_it(town: Town) -> None:
    browser = town.browser()
    assert browser.get("/static/tabler.min.css", accept_encoding="gzip").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in browser.get("/static/tabler.min.css", accept_encoding="identity").headers


def test_nothing_else_of_the_machine_is_served(town: Town) -> None:
    for name in ("..%2Fguard.py", "%2Fetc%2Fpasswd", "", "tabler.min.css.gz"):
        assert town.browser().get(f"/static/{name}").status_code == 404, name
