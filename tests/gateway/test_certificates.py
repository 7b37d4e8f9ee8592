"""A certificate that cannot be used is refused with what to do, and one that expires is told thirty days before."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from smartlink.gateway.calling import Tls
from smartlink.gateway.certificates import (
    Pair,
    Watch,
    check_pair,
    check_receiver,
    check_trust,
    looked_at,
    pairs_in_use,
    pairs_of,
)
from smartlink.gateway.connections import Changes, TlsChanges, new_pacs
from smartlink.gateway.errors import Refused
from smartlink.gateway.settings import SmartLinkSettings
from tests.gateway.authority import DAY, Authority, write_key
from tests.gateway.conftest import SetClock


@pytest.fixture
def authority(tmp_path: Path, clock: SetClock) -> Authority:
    return Authority(tmp_path / "certificates", now=clock())


@pytest.fixture
def pair(authority: Authority) -> Pair:
    issued = authority.issue(valid=(-DAY, 60 * DAY))
    return Pair("receiver", issued.certificate, issued.key)


def test_a_pair_that_is_in_order_tells_its_end(pair: Pair, clock: SetClock) -> None:
    assert check_pair(pair, clock()) == clock() + 60 * DAY
    assert looked_at(pair, clock()).problem is None


def key_of_another(pair: Pair) -> None:
    write_key(pair.key, ec.generate_private_key(ec.SECP256R1()))


def key_with_a_password(pair: Pair) -> None:
    write_key(pair.key, ec.generate_private_key(ec.SECP256R1()), b"s3cret")


def key_for_everybody(pair: Pair) -> None:
    pair.key.chmod(0o640)


def no_key(pair: Pair) -> None:
    pair.key.write_text("no key")


def no_certificate(pair: Pair) -> None:
    pair.certificate.write_text("no certificate")


def nothing(pair: Pair) -> None:
    pair.certificate.unlink()


WRONG = {
    key_of_another: "does not belong to the certificate",
    key_with_a_password: "has a password",
    key_for_everybody: "chmod 600",
    no_key: "holds no private key",
    no_certificate: "holds no certificate",
    nothing: "cannot be read: No such file",
}


@pytest.mark.skipif(sys.platform == "win32", reason="access is a matter of lists there")
@pytest.mark.parametrize(("spoil", "sentence"), WRONG.items(), ids=[spoil.__name__ for spoil in WRONG])
def test_whatever_is_wrong_with_a_pair_is_a_sentence_and_quotes_nothing_private(
    pair: Pair, clock: SetClock, spoil: object, sentence: str
) -> None:
    spoil(pair)  # type: ignore[operator]
    problem = looked_at(pair, clock()).problem
    assert problem is not None
    assert sentence in problem
    assert "PRIVATE" not in problem


def test_a_certificate_has_its_time(pair: Pair, clock: SetClock) -> None:
    with pytest.raises(Refused, match="expired on"):
        check_pair(pair, clock() + 60 * DAY)
    with pytest.raises(Refused, match="only from"):
        check_pair(pair, clock() - 2 * DAY)


def test_whom_to_trust_is_a_list_of_certificates(authority: Authority, pair: Pair) -> None:
    check_trust(authority.ca_file)
    with pytest.raises(Refused, match="no certificate"):
        check_trust(pair.key)


def test_every_certificate_that_is_shown_is_known(authority: Authority, pair: Pair, clock: SetClock) -> None:
    settings = SmartLinkSettings(
        tls_port=2762,
        tls_certificate=str(pair.certificate),
        tls_key=str(pair.key),
        tls_ca_file=str(authority.ca_file),
    )
    check_receiver(settings, clock())
    with pytest.raises(Refused, match="no certificate"):
        check_receiver(settings.model_copy(update={"tls_ca_file": str(pair.key)}), clock())
    pacs = new_pacs(
        uuid4(), Changes("Archive", "ARCHIVE", "192.0.2.10", 104, (uuid4(),), tls=TlsChanges(certificate="/a.pem"))
    )
    assert pacs.tls == Tls(certificate=Path("/a.pem").absolute())
    assert [one.shown_by for one in pairs_in_use(settings, [pacs, replace(pacs, tls=None)])] == ["receiver", "ARCHIVE"]
    assert pairs_of(pacs)[0].key == Path("/a.pem").absolute()


def test_the_end_is_told_from_thirty_days_before_and_once_a_day(pair: Pair, clock: SetClock) -> None:
    watch = Watch(lambda: [pair])
    with capture_logs() as lines:
        for _ in range(32 * 4):
            watch.tick(clock.move(timedelta(hours=6)))
    assert [(line["event"], line["days_left"]) for line in lines] == [
        ("certificate_expires", 30),
        ("certificate_expires", 29),
        ("certificate_expires", 28),
    ]


def test_a_renewed_certificate_ends_the_warnings(authority: Authority, pair: Pair, clock: SetClock) -> None:
    watch = Watch(lambda: [pair])
    now = clock.move(59 * DAY)
    with capture_logs() as lines:
        watch.tick(now)
        renewed = authority.issue(valid=(-DAY, 400 * DAY))
        renewed.certificate.replace(pair.certificate)
        watch.tick(now)
        assert lines[-1]["event"] == "certificate_unusable"
        renewed.key.replace(pair.key)
        watch.tick(clock.move(2 * DAY))
    assert [line["event"] for line in lines] == ["certificate_expires", "certificate_unusable"]
