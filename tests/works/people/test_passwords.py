"""Passwords are kept as argon2id, and nobody's password is nobody's."""

from __future__ import annotations

from smartlink.works.people.passwords import Passwords

PASSWORDS = Passwords()


def test_only_the_right_password_is_right() -> None:
    kept = PASSWORDS.hash("correct horse")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORDS.verify(kept, "correct horse")
    assert not PASSWORDS.verify(kept, "correct horse ")


def test_nobody_has_no_password_and_a_broken_hash_is_no_way_in() -> None:
    assert not PASSWORDS.verify(None, "the password of nobody")
    assert not PASSWORDS.verify("not a hash", "x")
