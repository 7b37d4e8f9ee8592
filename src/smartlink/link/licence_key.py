"""The licence key: 160 random bits, grouped for copying, with a checksum that catches typing errors offline (R30)."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_RANDOM_SYMBOLS: Final = 32
_CHECK_SYMBOLS: Final = 3
_GROUP: Final = 5
_LENGTH: Final = _RANDOM_SYMBOLS + _CHECK_SYMBOLS


class LicenceKeyMistyped(ValueError):
    """The text is no licence key: a symbol is missing, foreign or wrong. Nothing needs to be asked of Works."""


def generate() -> str:
    """Return a new key in its shown form: seven groups of five symbols."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_SYMBOLS))
    return _grouped(random + _checksum(random))


def parse(text: str) -> str:
    """Return the key in its shown form, however it was typed, or raise LicenceKeyMistyped."""
    symbols = "".join(c for c in text.upper() if c not in "- \t\r\n").translate(_LOOKALIKES)
    if len(symbols) != _LENGTH or any(c not in _ALPHABET for c in symbols):
        raise LicenceKeyMistyped("This key has a typing error. Copy it again from Works; nothing was sent.")
    random, check = symbols[:_RANDOM_SYMBOLS], symbols[_RANDOM_SYMBOLS:]
    if check != _checksum(random):
        raise LicenceKeyMistyped("This key has a typing error. Copy it again from Works; nothing was sent.")
    return _grouped(symbols)


def digest(key: str) -> str:
    """Return what Works stores of a key in its shown form: SHA-256, hexadecimal. 160 random bits need no salt."""
    return hashlib.sha256(key.encode("ascii")).hexdigest()


def prefix(key: str) -> str:
    """Return the part by which people recognise a key in a list: its first group."""
    return key[:_GROUP]


def _checksum(random: str) -> str:
    number = int.from_bytes(hashlib.sha256(random.encode("ascii")).digest()[:8], "big")
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(_CHECK_SYMBOLS))


def _grouped(symbols: str) -> str:
    return "-".join(symbols[start : start + _GROUP] for start in range(0, len(symbols), _GROUP))
