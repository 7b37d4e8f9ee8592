"""Whatever OpenSSL says becomes a sentence; what it never said before is quoted by its name."""

from __future__ import annotations

import ssl

import pytest

from smartlink.gateway.calling import Layer, Peer, Tls
from smartlink.gateway.dicom import tls_words

ARCHIVE = Peer("pacs.example", 2762, "ARCHIVE", "SMARTLINKSNDR", Tls())


def problem(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("UNSUPPORTED_PROTOCOL", "no longer secure"),
        ("NO_SHARED_CIPHER", "no cipher suite in common"),
        ("HTTP_REQUEST", "does not speak TLS"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "requires a certificate of ours"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "says that it has expired"),
        ("A_NEW_REASON", "A_NEW_REASON"),
    ],
)
def test_a_peers_reason_is_told_with_a_remedy(reason: str, sentence: str) -> None:
    failed = tls_words.of_peer(ARCHIVE, problem(reason), 10)
    assert failed.layer is Layer.TLS
    assert sentence in failed.sentence
    assert failed.remedy


@pytest.mark.parametrize(
    ("code", "sentence"), [(26, "not meant for this side"), (23, "was revoked"), (66, "too weak"), (99, "odd")]
)
def test_what_is_rarely_wrong_with_a_certificate_is_told_too(code: int, sentence: str) -> None:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code, error.verify_message, error.reason = code, "odd", "CERTIFICATE_VERIFY_FAILED"
    assert sentence in tls_words.of_peer(ARCHIVE, error, 10).sentence
    assert sentence in tls_words.of_caller(error)


def test_a_caller_that_breaks_off_is_told_as_such() -> None:
    assert "broke off" in tls_words.of_caller(ConnectionResetError())
    assert "too old" in tls_words.of_caller(problem("UNSUPPORTED_PROTOCOL"))
