"""Settings are read once, frozen, and refuse what they do not know, without quoting secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from smartlink.works import settings
from smartlink.works.errors import Invalid


def test_without_any_setting_everything_is_embedded_and_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKS_DATA", raising=False)
    read = settings.read()
    assert read.needs_embedded
    assert read.url == "http://127.0.0.1:8080"
    assert not read.secure


def test_the_environment_is_read_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORKS_PORT", "9090")
    monkeypatch.setenv("WORKS_DATA", "elsewhere")
    read = settings.read(data=tmp_path)
    assert (read.port, read.data) == (9090, tmp_path)


def test_a_public_address_over_https_is_secure_and_is_an_audience() -> None:
    read = settings.read(public_url="https://works.example.org/")
    assert read.secure
    assert "https://works.example.org/link/v1/token" in read.audiences


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"port": 0}, "WORKS_PORT"),
        ({"colour": "red"}, "WORKS_COLOUR"),
        ({"public_url": "ftp://x"}, "https"),
        ({"storage_endpoint": "http://127.0.0.1:1"}, "WORKS_STORAGE_ACCESS_KEY"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given: dict[str, object], named: str) -> None:
    with pytest.raises(Invalid, match=named):
        settings.read(**given)


def test_secrets_do_not_show_and_nothing_can_be_changed() -> None:
    read = settings.read(database_url="postgresql://works_app:hunter2@db/works", storage_secret_key="hunter3")
    assert "hunter" not in repr(read)
    with pytest.raises(ValidationError):
        setattr(read, "port", 1)  # noqa: B010 - mypy knows that it cannot be set


def test_a_mistyped_name_in_the_environment_is_refused_and_a_command_s_own_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKS_PASSWORD", "for create-user")
    settings.read()
    monkeypatch.setenv("WORKS_DATABSE_URL", "postgresql://hunter2@db/works")
    with pytest.raises(Invalid, match="no setting WORKS_DATABSE_URL") as refusal:
        settings.read()
    assert "hunter2" not in str(refusal.value)
