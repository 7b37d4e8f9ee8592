"""The triples of PS3.8 table 9-21 that requestors act on."""

from __future__ import annotations

from smartlink.standard import reject


def test_an_unknown_called_ae_title_is_a_permanent_rejection_by_the_service_user() -> None:
    assert reject.CALLED_AE_TITLE_NOT_RECOGNIZED == (1, 1, 7)


def test_a_full_acceptor_is_a_transient_rejection() -> None:
    assert reject.LOCAL_LIMIT_EXCEEDED == (2, 3, 2)
