"""The triples of PS3.8 table 9-21 that requestors act on."""

from __future__ import annotations

from smartlink.standard import reject


def test_an_unknown_called_ae_title_is_a_permanent_rejection_by_the_service_user() -> None:
    assert reject.CALLED_AE_TITLE_NOT_RECOGNIZED == (1, 1, 7)


def test_a_full_acceptor_is_a_transient_rejection() -> None:
    assert reject.LOCAL_LIMIT_EXCEEDED == (2, 3, 2)


def test_a_rejection_is_told_in_the_standards_words() -> None:
    assert reject.words_of(1, 7) == "called AE title not recognised"
    assert reject.words_of(9, 9) == "a reason that the standard does not know"


def test_an_abort_is_told_in_the_standards_words() -> None:
    assert reject.abort_words_of(2, 1) == "unrecognised PDU"
    assert reject.abort_words_of(0, 0) == "no reason given"
