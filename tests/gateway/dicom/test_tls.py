"""DICOM over TLS: what is stored arrives as without it, and each thing that can be wrong has a sentence of its own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from smartlink.gateway.calling import Answered, AssociationFailed, Layer, Peer, SendLimits, Tls
from smartlink.gateway.certificates import Pair
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom.acceptor import Acceptor, AcceptorLimits
from smartlink.gateway.dicom.patience import Timeouts
from smartlink.gateway.dicom.tls import Identity, ServerSide
from smartlink.gateway.dicom.trial_run import try_out
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.gateway.trial import Ended, Step
from tests.gateway.authority import DAY, Authority, Issued
from tests.gateway.cast import House
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.pacs import FILES, LIMITS, data_set, items, scripted, told
from tests.gateway.dicom.wire import ECHO

QUICK = SendLimits(connect_seconds=0.5, associate_seconds=5, response_seconds=5, idle_seconds=5)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Issued:
    """What the receiver shows."""
    return authority.issue()


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Issued:
    """What a caller shows."""
    return authority.issue("US01")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def identity(shown: Issued, ca_file: Path | None = None, *, required: bool = True) -> Identity:
    return Identity(Pair("receiver", shown.certificate, shown.key), ca_file, required)


@pytest.fixture
def receiver(house: House, authority: Authority, ours: Issued) -> Iterator[Acceptor]:
    """A port that requires certificates."""
    with house.receiver(security=ServerSide(identity(ours, authority.ca_file))) as acceptor:
        yield acceptor


def peer(port: int, tls: Tls | None, host: str = "127.0.0.1") -> Peer:
    return Peer(host, port, "SMARTLINKRCVR", "SMARTLINKSNDR", tls)


def mutual(authority: Authority, theirs: Issued) -> Tls:
    return Tls(authority.ca_file, theirs.certificate, theirs.key)


def test_what_is_stored_over_tls_is_kept_byte_for_byte(
    receiver: Acceptor, house: House, authority: Authority, theirs: Issued
) -> None:
    outcomes = told(peer(receiver.port, mutual(authority, theirs)), items(*FILES[:2]))
    assert outcomes == [Answered(0, 0), Answered(1, 0)]
    assert [house.data_set_of(kept.name) for kept in house.kept] == [data_set(path) for path in FILES[:2]]
    assert receiver.wait_until_empty(20)
    assert house.callers.refusals == []


def test_a_trial_shows_by_what_the_connection_is_secured(
    receiver: Acceptor, authority: Authority, theirs: Issued
) -> None:
    trial = try_out(peer(receiver.port, mutual(authority, theirs)), LIMITS)
    assert [line.ended for line in trial.lines] == [Ended.OK] * 7
    assert [line.step for line in trial.lines] == [one for one in Step if one is not Step.FIND]
    assert "TLSv1.3" in trial.lines[3].sentence


def client(authority: Authority, version: ssl.TLSVersion, shown: Issued | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.ca_file)
    context.minimum_version = context.maximum_version = version
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_are_spoken_with_the_ciphers_of_the_profile(
    receiver: Acceptor, authority: Authority, theirs: Issued, version: ssl.TLSVersion
) -> None:
    with Caller(receiver.port, client(authority, version, theirs)) as us01:
        assert isinstance(us01.sock, ssl.SSLSocket)
        cipher = us01.sock.cipher()
        assert cipher is not None
        assert "GCM" in cipher[0] or "CHACHA" in cipher[0]
        us01.associate().say(ECHO, 3)
        assert us01.response().status == 0
        us01.release()
        us01.sock.suppress_ragged_eofs = False  # type: ignore[attr-defined] # so that an end without notice raises
        assert us01.rest() == b""


# What a requestor is told, for each way in which the other side can be wrong.


@contextmanager
def showing(shown: Issued, prepare: Callable[[ssl.SSLContext], None] = lambda _: None) -> Iterator[int]:
    """A server that shows a certificate and rejects every Association."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.certificate, shown.key)
    prepare(context)

    def play(caller: socket.socket) -> None:
        with context.wrap_socket(caller, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(pdu.encode_associate_reject(pdu.AssociateReject(1, 1, 1)))
            secured.recv(65536)

    with scripted(play) as port:
        yield port


def failure(port: int, tls: Tls, host: str = "127.0.0.1") -> AssociationFailed:
    with pytest.raises(AssociationFailed) as failed:
        echo(peer(port, tls, host), QUICK)
    assert f"SMARTLINKRCVR at {host}:{port}" in failed.value.sentence
    assert failed.value.remedy
    return failed.value


def another(authority: Authority) -> Issued:
    return Authority(authority.folder / "another", "Another CA").issue()


CERTIFICATES: dict[str, tuple[Callable[[Authority], Issued], str, str]] = {
    "expired": (lambda one: one.issue(valid=(-2 * DAY, -DAY)), "has expired", "renew"),
    "not yet valid": (lambda one: one.issue(valid=(DAY, 2 * DAY)), "is not valid yet", "clocks"),
    "unknown issuer": (another, "authority that is not known", "--tls-ca"),
    "self-signed": (lambda one: one.issue(self_signed=True), "signed by itself", "--tls-ca"),
    "another name": (lambda one: one.issue("pacs.example"), "another name than 127.0.0.1", "--tls-name"),
}


@pytest.mark.proves("R47")
@pytest.mark.parametrize(("issue", "what", "remedy"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_each_way_a_certificate_can_be_wrong_is_told(
    authority: Authority, issue: Callable[[Authority], Issued], what: str, remedy: str
) -> None:
    with showing(issue(authority)) as port:
        failed = failure(port, Tls(authority.ca_file))
        trial = try_out(peer(port, Tls(authority.ca_file)), QUICK)
    assert failed.layer is Layer.TLS
    assert what in failed.sentence
    assert remedy in failed.remedy
    assert trial.failure is not None
    assert (trial.failure.step, trial.failure.sentence) == (Step.TLS, failed.sentence)
    assert [line.ended for line in trial.lines[:3]] == [Ended.OK] * 3


def test_the_systems_own_list_does_not_know_a_hospitals_authority(ours: Issued) -> None:
    with showing(ours) as port:
        assert "not known here" in failure(port, Tls()).sentence


def test_another_name_is_right_when_it_is_said_and_a_pinned_certificate_needs_no_authority(
    authority: Authority,
) -> None:
    for shown, tls in (
        (named := authority.issue("pacs.example"), Tls(authority.ca_file, server_name="pacs.example")),
        (lone := authority.issue(self_signed=True), Tls(lone.certificate)),
        (named, Tls(named.certificate, server_name="pacs.example")),
    ):
        with showing(shown) as port:
            assert failure(port, tls).layer is Layer.ASSOCIATION


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_missing_certificate_of_ours_is_told(authority: Authority, ours: Issued, version: str) -> None:
    def required(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.ca_file)
        context.maximum_version = ssl.TLSVersion.TLSv1_3 if version == "1.3" else ssl.TLSVersion.TLSv1_2

    with showing(ours, required) as port:
        failed = failure(port, Tls(authority.ca_file))
    assert failed.layer is Layer.TLS
    assert "certificate of ours" in failed.sentence
    foreign = another(authority)
    with showing(ours, required) as port:
        failed = failure(port, Tls(authority.ca_file, foreign.certificate, foreign.key))
    assert "refuses our certificate" in failed.sentence


def old(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options &= ~ssl.OP_NO_TLSv1_1
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def weak(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")


@pytest.mark.parametrize(("prepare", "what"), [(old, "no longer secure"), (weak, "cipher suite in common")])
def test_tls_that_is_not_secure_is_not_spoken(
    authority: Authority, ours: Issued, prepare: Callable[[ssl.SSLContext], None], what: str
) -> None:
    with showing(ours, prepare) as port:
        failed = failure(port, Tls(authority.ca_file))
    assert failed.layer is Layer.TLS
    assert what in failed.sentence


def test_a_plain_port_is_told_and_so_is_one_that_wants_tls(
    house: House, receiver: Acceptor, authority: Authority
) -> None:
    with house.receiver() as plain:
        failed = failure(plain.port, Tls(authority.ca_file))
        assert failed.layer is Layer.TLS
        assert "does not speak TLS" in failed.sentence
    with pytest.raises(AssociationFailed, match=r"closed the connection|was cut") as closed:
        echo(peer(receiver.port, None), QUICK)
    assert "may expect TLS" in closed.value.remedy
    with scripted(lambda caller: caller.sendall(b"\x15\x03\x01\x00\x02\x02\x46")) as port:
        trial = try_out(peer(port, None), QUICK)
    assert trial.failure is not None
    assert trial.failure.step is Step.TLS
    assert "speaks TLS on this port" in trial.failure.sentence


def test_a_peer_that_hangs_up_after_the_handshake_may_want_another_certificate(
    authority: Authority, ours: Issued
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.certificate, ours.key)
    with scripted(lambda caller: context.wrap_socket(caller, server_side=True).close()) as port:
        failed = failure(port, Tls(authority.ca_file))
    assert failed.layer is Layer.TLS
    assert "right after the TLS handshake" in failed.sentence


def test_a_peer_that_is_silent_or_closes_in_the_handshake_is_given_up_in_time(authority: Authority) -> None:
    over = threading.Event()
    with scripted(lambda _: over.wait(10)) as port:
        trial = try_out(peer(port, Tls(authority.ca_file)), QUICK)
        assert trial.failure is not None
        assert trial.failure.step is Step.TLS
        assert "within 0.5 seconds" in trial.failure.sentence
        over.set()
    with scripted(lambda caller: caller.recv(10)) as port:
        assert "broke off" in failure(port, Tls(authority.ca_file)).sentence


def test_files_of_ours_that_cannot_be_used_are_told_before_anything_is_said(
    authority: Authority, ours: Issued, theirs: Issued
) -> None:
    with showing(ours) as port:
        failed = failure(port, Tls(authority.ca_file, theirs.certificate, ours.key))
    assert failed.layer is Layer.TLS
    assert "does not belong to the certificate" in failed.sentence


# What the list of refusals says of callers.


def refusals(house: House, count: int) -> list[str]:
    patience = threading.Event()
    for _ in range(500):
        if len(house.callers.refusals) >= count:
            break
        patience.wait(0.01)
    return [refusal.why for refusal in house.callers.refusals]


def ask(port: int, context: ssl.SSLContext) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)), Caller(port, context) as caller:
        caller.associate()


def test_each_way_a_caller_can_be_wrong_is_counted(receiver: Acceptor, house: House, authority: Authority) -> None:
    newest = ssl.TLSVersion.TLSv1_3
    ask(receiver.port, client(authority, newest))
    ask(receiver.port, client(authority, newest, authority.issue("US01", valid=(-2 * DAY, -DAY))))
    ask(receiver.port, client(authority, newest, another(authority)))
    ask(receiver.port, client(Authority(authority.folder / "stranger", "Another CA"), newest))
    with Caller(receiver.port) as plain, suppress(ConnectionError):
        plain.raw(b"\x01\x00\x00\x00\x00\x44" + bytes(68))
    assert set(refusals(house, 5)) == {
        "TLS: the caller shows no certificate, and one is required",
        "TLS: the caller's certificate has expired",
        "TLS: the caller's certificate is issued by an authority that is not known here",
        "TLS: the caller refuses our certificate: it does not know who issued it",
        "TLS: the caller does not speak TLS",
    }


def test_a_handshake_that_never_ends_holds_up_nobody(
    house: House, authority: Authority, ours: Issued, theirs: Issued
) -> None:
    limits = AcceptorLimits(Timeouts(artim=0.5))
    with house.receiver(security=ServerSide(identity(ours, authority.ca_file)), limits=limits) as receiver:
        with Caller(receiver.port) as slow:
            slow.sock.sendall(b"\x16\x03\x01")
            echo(peer(receiver.port, mutual(authority, theirs)), LIMITS)
            assert slow.rest() == b""
        assert refusals(house, 1) == ["TLS: the handshake did not end in time"]


def test_a_renewed_certificate_is_shown_without_a_restart(house: House, authority: Authority) -> None:
    shown = authority.issue(valid=(-2 * DAY, -DAY))
    with house.receiver(security=ServerSide(identity(shown))) as receiver:
        assert "has expired" in failure(receiver.port, Tls(authority.ca_file)).sentence
        renewed = authority.issue()
        renewed.certificate.replace(shown.certificate)
        assert "has expired" in failure(receiver.port, Tls(authority.ca_file)).sentence, "the key is yet to come"
        renewed.key.replace(shown.key)
        assert echo(peer(receiver.port, Tls(authority.ca_file)), LIMITS) > 0


def test_files_of_the_receiver_that_cannot_be_used_turn_away_and_are_named(
    house: House, authority: Authority, ours: Issued, theirs: Issued
) -> None:
    mixed = Issued(ours.certificate, theirs.key)
    with house.receiver(security=ServerSide(identity(mixed))) as receiver:
        assert failure(receiver.port, Tls(authority.ca_file)).layer is Layer.TLS
        assert "TLS cannot be used here" in refusals(house, 1)[0]
        assert "does not belong" in refusals(house, 1)[0]


def test_an_idle_association_over_tls_does_not_hold_up_the_close(
    receiver: Acceptor, authority: Authority, theirs: Issued
) -> None:
    with Caller(receiver.port, client(authority, ssl.TLSVersion.TLSv1_3, theirs)).associate() as us01:
        receiver.close(20)
        assert us01.rest() == b""
        assert not receiver.alive
