"""Who is told is changed at a terminal, and a mail is sent to see whether mails arrive."""

from __future__ import annotations

import pytest

from tests.works.mailserver import Mailbox, serving
from tests.works.test_cli import Operator, operator

__all__ = ["operator"]


@pytest.fixture
def within(operator: Operator) -> list[str]:
    """A facility with Alice, who runs it."""
    organisation = operator.made("create-organisation", "Lakeside Health")["id"]
    facility = operator.made("create-facility", "Lakeside General", "--organisation", organisation)["id"]
    within = ["--organisation", organisation, "--facility", facility]
    person = ["--given-name", "Alice", "--family-name", "Ash", "--role", "facility_administrator"]
    operator.made("create-user", "alice@lakeside.example", *within, *person, "--password", "a long enough password")
    return within


@pytest.mark.proves("R113")
def test_recipients_are_listed_added_and_removed(operator: Operator, within: list[str]) -> None:
    assert operator.run("recipients", "list", *within) == "alice@lakeside.example  administrator\n"
    assert "chosen" in operator.run("recipients", "add", "alice@lakeside.example", *within)
    assert not operator.made("recipients", "add", "it@lakeside.example", *within)["administrator"]
    told = operator.made("recipients", "list", *within)
    assert told == {
        "administrators": ["alice@lakeside.example"],
        "chosen": True,
        "addresses": ["it@lakeside.example"],
        "support": None,
    }
    operator.run("recipients", "remove", "it@lakeside.example", *within)
    assert "neither" in operator.run("recipients", "remove", "it@lakeside.example", *within, exit_code=1)
    assert "whole e-mail" in operator.run("recipients", "add", "it", *within, exit_code=1)
    assert operator.made("mails", *within) == {"mails": []}


def test_a_test_mail_says_whether_mails_arrive(operator: Operator) -> None:
    assert "WORKS_SMTP_HOST" in operator.run("mail-test", "alice@lakeside.example", exit_code=1)
    operator.variables |= {
        "WORKS_SMTP_HOST": "127.0.0.1",
        "WORKS_SMTP_SECURITY": "none",
        "WORKS_MAIL_FROM": "works@lakeside.example",
    }
    with serving(Mailbox()) as mailbox:
        operator.variables["WORKS_SMTP_PORT"] = str(mailbox.port)
        assert "took the mail" in operator.run("mail-test", "alice@lakeside.example")
        mailbox.refuse = "550 No such user"
        assert "refuses this address" in operator.run("mail-test", "alice@lakeside.example", exit_code=1)
    assert mailbox.subjects() == ["SmartLink: test mail"]
    assert "does not answer" in operator.run("mail-test", "alice@lakeside.example", exit_code=1)


def test_what_is_wrong_is_listed_and_only_an_ultrasound_system_can_be_watched(
    operator: Operator, within: list[str]
) -> None:
    assert operator.made("alarms", *within) == {"alarms": []}
    nobody = "00000000-0000-0000-0000-000000000001"
    said = operator.run("silence", nobody, *within[:2], "--hours", "24", exit_code=1)
    assert "no such ultrasound system" in said
