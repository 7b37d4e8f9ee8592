"""Signing in: known and unknown addresses are answered alike, tries are counted, sessions end by themselves."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest

from smartlink.works.access import Access
from smartlink.works.people.sign_in import IDLE, PAUSE, Refused, SignedIn, SignIn
from tests.works.cast import PASSWORD, Cast, passwords, person

BOB, CHARLIE = "bob@example.org", "charlie@example.org"


@pytest.fixture
def door(access: Access, cast: Cast) -> SignIn:  # noqa: ARG001 - the people who sign in
    return SignIn(access, passwords())


def signed_in(door: SignIn, now: datetime, email: str = BOB, at: uuid.UUID | None = None) -> SignedIn:
    """A session, or the test fails."""
    answer = door.sign_in(email, at, PASSWORD, now)
    assert isinstance(answer, SignedIn)
    return answer


@pytest.mark.proves("R10", "R11")
def test_with_one_organisation_the_password_is_enough(door: SignIn, cast: Cast, now: datetime) -> None:
    assert [choice.name for choice in door.organisations(BOB.upper())] == ["Lakeside"]
    answer = signed_in(door, now, "  Bob@Example.ORG ")
    assert (answer.organisation_id, answer.person_id) == (cast.lakeside.organisation_id, cast.bob)
    assert answer.token not in repr(answer)


@pytest.mark.proves("R10")
def test_with_two_organisations_one_must_be_chosen(access: Access, door: SignIn, cast: Cast, now: datetime) -> None:
    person(access, cast.elsewhere, "Bob", email=BOB)
    assert [choice.name for choice in door.organisations(BOB)] == ["Elsewhere", "Lakeside"]
    assert isinstance(door.sign_in(BOB, None, PASSWORD, now), Refused)
    assert signed_in(door, now, at=cast.elsewhere.organisation_id).organisation_id == cast.elsewhere.organisation_id


@pytest.mark.proves("R9")
def test_an_unknown_address_is_refused_like_a_known_one(door: SignIn, now: datetime) -> None:
    assert door.organisations("nobody@example.org") == []
    known = door.sign_in(BOB, None, "wrong password", now)
    assert known == door.sign_in("nobody@example.org", None, "wrong password", now)
    assert known == Refused(4, None)


def test_another_organisation_is_not_entered(door: SignIn, cast: Cast, now: datetime) -> None:
    assert isinstance(door.sign_in(BOB, cast.elsewhere.organisation_id, PASSWORD, now), Refused)


def test_five_wrong_tries_pause_the_address_whoever_tries(door: SignIn, now: datetime) -> None:
    for _ in range(4):
        door.sign_in(BOB, None, "wrong password", now)
    assert door.sign_in(BOB, None, "wrong password", now) == Refused(0, 15)
    assert isinstance(door.sign_in(BOB, None, PASSWORD, now + PAUSE / 2), Refused)
    signed_in(door, now, CHARLIE)
    signed_in(door, now + PAUSE + timedelta(seconds=1))


def test_a_session_ends_when_nobody_acts(door: SignIn, now: datetime) -> None:
    token = signed_in(door, now).token
    later = now + IDLE - timedelta(seconds=1)
    assert door.session(token, later, touch=False)
    assert door.session(token, later, touch=True)
    assert door.session(token, later + IDLE - timedelta(seconds=1), touch=False)
    assert door.session(token, later + IDLE, touch=False) is None
    assert door.session("another", now, touch=True) is None


def test_after_signing_out_there_is_no_session(door: SignIn, now: datetime) -> None:
    token = signed_in(door, now).token
    door.sign_out(token, now)
    door.sign_out(token, now)
    assert door.session(token, now, touch=True) is None
