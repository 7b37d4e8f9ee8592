from __future__ import annotations

import dataclasses

import pytest

from smartlink.gateway.dicom.negotiation import Agreement, Policy, judge
from smartlink.gateway.dicom.pdu import AssociateRequest, ContextResult, ProposedContext
from smartlink.standard import reject
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import STORAGE, ULTRASOUND_IMAGE, VERIFICATION
from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    RLE_LOSSLESS,
    TRANSFER_SYNTAXES,
)
from tests.gateway.cast import RECEIVER
from tests.gateway.dicom.wire import REQUEST

POLICY = Policy(RECEIVER)
PRIVATE = "1.2.840.113619.4.30"


def agreement(request: AssociateRequest, policy: Policy = POLICY) -> Agreement:
    outcome = judge(request, policy)
    assert isinstance(outcome, Agreement)
    return outcome


def proposing(*contexts: tuple[str, tuple[str, ...]]) -> AssociateRequest:
    proposed = tuple(ProposedContext(2 * number + 1, *context) for number, context in enumerate(contexts))
    return dataclasses.replace(REQUEST, contexts=proposed)


@pytest.mark.proves("R69")
@pytest.mark.parametrize(
    ("called", "answered"),
    [
        ("SMARTLINKRCVR", True),
        (" SMARTLINKRCVR  ", True),
        ("smartlinkrcvr", False),
        ("SMARTLINKRCV", False),
        ("", False),
    ],
)
def test_the_called_ae_title_is_compared_exactly_after_trimming(called: str, answered: bool) -> None:  # noqa: FBT001 - a table
    outcome = judge(dataclasses.replace(REQUEST, called_ae_title=called), POLICY)
    assert isinstance(outcome, Agreement) is answered
    if not answered:
        assert outcome == reject.CALLED_AE_TITLE_NOT_RECOGNIZED == (1, 1, 7)


@pytest.mark.proves("R69")
def test_the_tolerant_option_answers_any_called_ae_title_under_our_own_name() -> None:
    tolerant = Policy(RECEIVER, any_called_ae_title=True)
    outcome = agreement(dataclasses.replace(REQUEST, called_ae_title="WHATEVER"), tolerant)
    assert outcome.called_ae_title == RECEIVER
    assert outcome.accept.called_ae_title == "WHATEVER"


@pytest.mark.parametrize("calling", ["", "   ", "US\\01", "US\x0701", "\xfcS01"])
def test_a_calling_ae_title_that_is_none_is_rejected(calling: str) -> None:
    outcome = judge(dataclasses.replace(REQUEST, calling_ae_title=calling), POLICY)
    assert outcome == reject.CALLING_AE_TITLE_NOT_RECOGNIZED


def test_another_application_context_is_rejected() -> None:
    outcome = judge(dataclasses.replace(REQUEST, application_context="1.2.3"), POLICY)
    assert outcome == reject.APPLICATION_CONTEXT_NOT_SUPPORTED


@pytest.mark.proves("R68")
@pytest.mark.parametrize("abstract_syntax", [VERIFICATION, *STORAGE])
def test_every_storage_sop_class_is_accepted_in_every_transfer_syntax(abstract_syntax: str) -> None:
    contexts = [(abstract_syntax, (uid,)) for uid in TRANSFER_SYNTAXES]
    outcome = agreement(proposing(*contexts))
    assert [context.transfer_syntax for context in outcome.contexts.values()] == list(TRANSFER_SYNTAXES)


@pytest.mark.parametrize(
    ("proposed", "chosen"),
    [
        ((IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE), EXPLICIT_VR_LITTLE_ENDIAN),
        ((JPEG_BASELINE, EXPLICIT_VR_LITTLE_ENDIAN), JPEG_BASELINE),
        (("1.2.3.4", RLE_LOSSLESS, JPEG_BASELINE), RLE_LOSSLESS),
        ((DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, RLE_LOSSLESS), RLE_LOSSLESS),
        ((EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN), EXPLICIT_VR_BIG_ENDIAN),
        ((IMPLICIT_VR_LITTLE_ENDIAN,), IMPLICIT_VR_LITTLE_ENDIAN),
    ],
)
def test_the_requestors_first_is_chosen_unless_a_better_one_is_proposed(proposed: tuple[str, ...], chosen: str) -> None:
    outcome = agreement(proposing((ULTRASOUND_IMAGE, proposed)))
    assert outcome.contexts[1].transfer_syntax == chosen


def test_unknown_syntaxes_are_refused_one_by_one_and_named_once() -> None:
    little = (IMPLICIT_VR_LITTLE_ENDIAN,)
    outcome = agreement(
        proposing((PRIVATE, little), (ULTRASOUND_IMAGE, ("1.2.3",)), (VERIFICATION, little), (PRIVATE, little))
    )
    assert [answer.result for answer in outcome.accept.contexts] == [
        ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED,
        ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED,
        ContextResult.ACCEPTANCE,
        ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ]
    assert outcome.refused_syntaxes == (PRIVATE,)
    assert list(outcome.contexts) == [5]


def test_private_syntaxes_are_taken_when_an_administrator_allows_it() -> None:
    allowing = Policy(RECEIVER, any_abstract_syntax=True)
    outcome = agreement(proposing((PRIVATE, (IMPLICIT_VR_LITTLE_ENDIAN,))), allowing)
    assert outcome.contexts[1].abstract_syntax == PRIVATE


def test_we_advertise_a_receive_pdu_of_at_least_128_kb() -> None:
    assert agreement(REQUEST).accept.maximum_length >= 128 * 1024


def test_the_calling_ae_title_is_known_trimmed() -> None:
    outcome = agreement(dataclasses.replace(REQUEST, calling_ae_title="US01  \0"))
    assert outcome.calling_ae_title == AETitle("US01")
