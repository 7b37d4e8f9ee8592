"""The headers on every answer."""

import asyncio

from smartlink.ui.headers import Message, Receive, Scope, SecureHeaders, Send, policy


def _headers(*theirs: tuple[bytes, bytes]) -> tuple[dict[bytes, bytes], str]:
    sent: list[Message] = []
    nonces: list[str] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        nonces.append(scope["state"]["nonce"])
        await send({"type": "http.response.start", "status": 200, "headers": list(theirs)})

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(SecureHeaders(app)({"type": "http"}, receive, send))
    return dict(sent[0]["headers"]), nonces[0]


def test_every_answer_is_neither_stored_nor_framed_nor_guessed_at() -> None:
    headers, _ = _headers()
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"x-frame-options"] == b"DENY"


def test_an_answer_may_say_otherwise_about_caching() -> None:
    assert _headers((b"cache-control", b"public"))[0][b"cache-control"] == b"public"


def test_the_policy_allows_our_own_files_only_and_nothing_inline() -> None:
    headers, nonce = _headers()
    said = headers[b"content-security-policy"].decode()
    assert said == policy(nonce)
    assert "default-src 'none'" in said
    assert "unsafe" not in said
    assert "data:" not in said


def test_no_two_answers_share_a_nonce() -> None:
    assert _headers()[1] != _headers()[1]


def test_what_is_not_http_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        await asyncio.sleep(0)
        seen.append(scope["type"])

    async def receive() -> Message:
        return {}

    async def send(_: Message) -> None:
        return None

    asyncio.run(SecureHeaders(app)({"type": "lifespan"}, receive, send))
    assert seen == ["lifespan"]
