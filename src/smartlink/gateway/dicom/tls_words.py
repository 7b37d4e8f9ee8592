"""What a failed TLS handshake means, in a sentence for a person and with what to do: one table for each side."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed, Layer

if TYPE_CHECKING:
    from smartlink.gateway.calling import Peer

# How OpenSSL numbers what is wrong with a certificate (X509_V_ERR_…).
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_SELF_SIGNED: Final = 18
_SELF_SIGNED_IN_CHAIN: Final = 19
_UNKNOWN_ISSUER: Final = frozenset({2, 20, 21})
_REVOKED: Final = 23
_WRONG_PURPOSE: Final = 26
_TOO_WEAK: Final = frozenset({66, 67, 68})
_WRONG_NAME: Final = frozenset({62, 64})

_WRONG_WITH_CERTIFICATE: Final = {
    _NOT_YET_VALID: "is not valid yet",
    _EXPIRED: "has expired",
    _SELF_SIGNED: "is signed by itself, and not among those that are trusted",
    _SELF_SIGNED_IN_CHAIN: "is issued by an authority that is not among those that are trusted",
    **dict.fromkeys(_UNKNOWN_ISSUER, "is issued by an authority that is not known here"),
    _REVOKED: "was revoked",
    _WRONG_PURPOSE: "is not meant for this side of a connection",
    **dict.fromkeys(_TOO_WEAK, "has a key or a signature that is too weak"),
    **dict.fromkeys(_WRONG_NAME, "bears another name"),
}

_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "RECORD_LAYER_FAILURE"})
_VERSION: Final = frozenset(
    {
        "UNSUPPORTED_PROTOCOL",
        "NO_PROTOCOLS_AVAILABLE",
        "VERSION_TOO_LOW",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "INAPPROPRIATE_FALLBACK",
    }
)
_CIPHERS: Final = frozenset({"NO_SHARED_CIPHER", "SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY"})
_NO_CERTIFICATE: Final = frozenset(
    {"PEER_DID_NOT_RETURN_A_CERTIFICATE", "TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_NO_CERTIFICATE"}
)
_ALERTS: Final = {
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know who issued it",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that it has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "it says that it was revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it gives no reason",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it says that it is not in order",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it does not know this kind",
    "TLSV1_ALERT_ACCESS_DENIED": "it does not let its bearer in",
    "TLSV1_ALERT_DECRYPT_ERROR": "its signature cannot be checked",
}
"""What the other side says of our certificate (RFC 8446 section 6.2)."""


_OF_CALLER: Final = {
    **dict.fromkeys(_NO_CERTIFICATE, "the caller shows no certificate, and one is required"),
    **dict.fromkeys(_NO_TLS, "the caller does not speak TLS"),
    **dict.fromkeys(_VERSION, "the caller's version of TLS is too old: 1.2 or newer is needed"),
    **dict.fromkeys(_CIPHERS, "the caller has no cipher suite in common with us"),
}


def unusable(peer: Peer, problem: Exception) -> AssociationFailed:
    """Return that files of ours keep the connection from being secured."""
    return AssociationFailed(
        Layer.TLS,
        f"The connection to {_place(peer)} cannot be secured: {problem}",
        "Set the files of the connection right: smartlink connections edit … --tls-ca, --tls-certificate, --tls-key.",
    )


def expected(peer: Peer) -> AssociationFailed:
    """Return that a peer speaks TLS, and that the connection is set without it."""
    return AssociationFailed(
        Layer.TLS,
        f"{_place(peer)} speaks TLS on this port, and the connection is set without it.",
        "Set the connection to TLS (smartlink connections edit … --tls), or enter the PACS server's port without TLS.",
    )


def mute(peer: Peer) -> AssociationFailed:
    """Return that a peer hung up after the handshake, which with TLS 1.3 is how many refuse a certificate."""
    return AssociationFailed(
        Layer.TLS,
        f"{_place(peer)} closed the connection right after the TLS handshake.",
        "It may require a certificate of ours, or not trust the one it was shown: look into its log.",
    )


def of_peer(peer: Peer, problem: OSError, seconds: float) -> AssociationFailed:
    """Return why a peer and we could not secure the connection."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return AssociationFailed(Layer.TLS, *_of_certificate(peer, problem))
    if isinstance(problem, TimeoutError):
        return AssociationFailed(
            Layer.TLS,
            f"{_place(peer)} did not finish the TLS handshake within {seconds:g} seconds.",
            "Check that the port is the PACS server's port for TLS, and look into its log.",
        )
    return AssociationFailed(Layer.TLS, *_of_handshake(peer, _reason(problem)))


def of_caller(problem: OSError) -> str:
    """Return why a caller and we could not secure the connection, as part of a sentence."""
    reason = _reason(problem)
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"the caller's certificate {_WRONG_WITH_CERTIFICATE.get(problem.verify_code, problem.verify_message)}"
    if reason in _ALERTS:
        return f"the caller refuses our certificate: {_ALERTS[reason]}"
    return _OF_CALLER.get(reason, f"the caller broke off the handshake ({reason})")


def _of_certificate(peer: Peer, problem: ssl.SSLCertVerificationError) -> tuple[str, str]:
    code = problem.verify_code
    what = _WRONG_WITH_CERTIFICATE.get(code, f"is refused: {problem.verify_message}")
    sentence = f"The certificate of {_place(peer)} {what}."
    if code in _WRONG_NAME:
        wanted = (peer.tls.server_name if peer.tls else None) or peer.host
        return (
            f"The certificate of {_place(peer)} bears another name than {wanted}.",
            "Call the PACS server by the name in its certificate, or say that name with --tls-name.",
        )
    if code == _NOT_YET_VALID:
        return sentence, "Check the clocks of this machine and of the PACS server."
    if code == _EXPIRED:
        return sentence, "Ask the administrator of the PACS to renew it. Images wait meanwhile."
    if code in {_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN} | _UNKNOWN_ISSUER:
        return (
            sentence,
            "Get the certificate of its authority (or itself, if nobody issued it), and name its file with --tls-ca.",
        )
    return sentence, "Ask the administrator of the PACS for another certificate."


def _of_handshake(peer: Peer, reason: str) -> tuple[str, str]:
    place = _place(peer)
    if reason in _NO_TLS:
        return (
            f"{place} does not speak TLS on this port.",
            "Enter the PACS server's port for TLS, or set the connection to be without it: --no-tls.",
        )
    if reason in _VERSION:
        return (
            f"{place} speaks only versions of TLS that are no longer secure.",
            "Have TLS 1.2 or 1.3 switched on at the PACS server.",
        )
    if reason in _CIPHERS:
        return (
            f"{place} and SmartLink have no cipher suite in common, or it requires a certificate of ours.",
            "Have the BCP 195 profile of DICOM switched on at the PACS server, and look into its log.",
        )
    if reason in _NO_CERTIFICATE:
        return (
            f"{place} requires a certificate of ours, and the connection has none.",
            "Name one with --tls-certificate and --tls-key.",
        )
    if reason in _ALERTS:
        return (
            f"{place} refuses our certificate, or misses one: {_ALERTS[reason]}.",
            "Give the administrator of the PACS the certificate of the authority that issued ours.",
        )
    return (
        f"{place} broke off the TLS handshake ({reason}).",
        "Look into the log of the PACS server: it may not speak TLS on this port, or miss a certificate of ours.",
    )


def _reason(problem: OSError) -> str:
    reason = problem.reason if isinstance(problem, ssl.SSLError) else None
    if reason is None or isinstance(problem, ssl.SSLEOFError | socket.gaierror):
        return "the connection was closed"
    return str(reason)


def _place(peer: Peer) -> str:
    return f"{peer.called_ae_title} at {peer.host}:{peer.port}"
