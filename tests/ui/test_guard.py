"""Form tokens and addresses that stay at home."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.ui import guard


def test_a_form_of_ours_passes() -> None:
    cookie = guard.new_secret()
    assert guard.form_is_ours(cookie, guard.form_token(cookie), "same-origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_another_site_does_not(site: str) -> None:
    cookie = guard.new_secret()
    assert not guard.form_is_ours(cookie, guard.form_token(cookie), site)


@pytest.mark.parametrize(
    ("cookie", "token"), [(None, "x"), ("", ""), ("cookie", None), ("cookie", "wrong"), ("c", "é")]
)
def test_a_missing_or_wrong_token_does_not(cookie: str | None, token: str | None) -> None:
    assert not guard.form_is_ours(cookie, token, None)


def test_a_token_fits_one_cookie_only() -> None:
    assert not guard.form_is_ours(guard.new_secret(), guard.form_token(guard.new_secret()), None)


@pytest.mark.parametrize("path", ["/drafts", "/exams/0b0f?x=1", "/"])
def test_a_path_of_ours_is_kept(path: str) -> None:
    assert guard.local_path(path, "/home") == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        None,
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil",
        "a",
        "/a\\b",
    ],
)
def test_anything_else_leads_home(path: str | None) -> None:
    assert guard.local_path(path, "/home") == "/home"


@given(st.text())
def test_no_text_leads_to_another_host(text: str) -> None:
    path = guard.local_path(text, "/home")
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
