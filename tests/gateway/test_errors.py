"""The exceptions say whose fault it was, in words for a person."""

from __future__ import annotations

from smartlink.gateway.errors import GatewayError, GiveUp, LicenceRevoked, Refused, StoreFailed, TryAgain, Unreachable


def test_no_answer_at_all_is_a_reason_to_try_again() -> None:
    assert issubclass(Unreachable, TryAgain)


def test_each_answers_for_itself() -> None:
    kinds = [TryAgain, GiveUp, LicenceRevoked, StoreFailed, Refused]
    assert all(issubclass(kind, GatewayError) for kind in kinds)
    assert not any(issubclass(one, other) for one in kinds for other in kinds if one is not other)


def test_giving_up_names_cause_and_remedy() -> None:
    fault = GiveUp("The file is damaged.", "Send it again.")
    assert (str(fault), fault.remedy) == ("The file is damaged.", "Send it again.")
