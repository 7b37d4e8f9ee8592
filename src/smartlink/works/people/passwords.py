"""Passwords: kept as argon2id hashes, checked in the same time whether or not there is such a person."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 1024


class Passwords:
    """Makes and checks hashes; one for the process, safe in every thread."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """Take what hashes; by itself argon2-cffi's own parameters (RFC 9106, low-memory profile)."""
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("the password of nobody")

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        return self._hasher.hash(password)

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one; without a kept hash the same work is done and the answer is no."""
        try:
            self._hasher.verify(kept or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None
