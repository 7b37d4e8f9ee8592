"""The guards of a form: a token that only our own pages know, and addresses that cannot lead elsewhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

TOKEN_BYTES = 32
CROSS_SITE = frozenset({"cross-site", "same-site"})


def new_secret() -> str:
    """A fresh random value for a cookie; 256 bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def form_token(cookie: str) -> str:
    """What a form must carry when the browser's cookie is `cookie`; the cookie cannot be found from it."""
    digest = hmac.new(cookie.encode(), b"smartlink form", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def form_is_ours(cookie: str | None, token: str | None, fetch_site: str | None) -> bool:
    """Whether a POST came from a page of ours: right token, and the browser does not say it came from another site."""
    if not cookie or not token or fetch_site in CROSS_SITE:
        return False
    return hmac.compare_digest(form_token(cookie).encode(), token.encode())


def local_path(wanted: str | None, otherwise: str) -> str:
    """`wanted` if it is a plain path of this console, else `otherwise`: no link of ours can be bent to another site."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return otherwise
    if any(ord(sign) <= ord(" ") or sign == "\\" for sign in wanted):
        return otherwise
    parts = urlsplit(wanted)
    return otherwise if parts.scheme or parts.netloc else wanted
