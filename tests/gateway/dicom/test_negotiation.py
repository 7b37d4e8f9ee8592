from __future__ import annotations

import dataclasses

import pytest

from smartlink.gateway.dicom.command import Command, CommandField
from smartlink.gateway.dicom.negotiation import (
    STORAGE_INFORMATION,
    WINDOW,
    Agreement,
    Context,
    Policy,
    judge,
    refusal,
)
from smartlink.gateway.dicom.pdu import AssociateRequest, ContextResult, ProposedContext
from smartlink.gateway.dicom.user_information import (
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    OperationsWindow,
    RoleSelection,
    UserIdentity,
)
from smartlink.standard import reject
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import STORAGE, STORAGE_COMMITMENT, ULTRASOUND_IMAGE, VERIFICATION
from smartlink.standard.status import Status
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


LITTLE = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)


def test_without_extended_negotiation_there_is_none_in_the_answer() -> None:
    accept = agreement(REQUEST).accept
    assert (accept.window, accept.roles, accept.extended) == (None, (), ())


@pytest.mark.parametrize(
    ("scu", "scp", "result", "answered"),
    [
        (True, False, ContextResult.ACCEPTANCE, [RoleSelection(STORAGE_COMMITMENT, scu=True, scp=False)]),
        (True, True, ContextResult.ACCEPTANCE, [RoleSelection(STORAGE_COMMITMENT, scu=True, scp=False)]),
        (False, True, ContextResult.USER_REJECTION, []),
        (False, False, ContextResult.USER_REJECTION, []),
    ],
)
def test_the_requestor_may_be_scu_and_nothing_else(
    *, scu: bool, scp: bool, result: ContextResult, answered: list[RoleSelection]
) -> None:
    request = dataclasses.replace(
        proposing((STORAGE_COMMITMENT, LITTLE), (VERIFICATION, LITTLE)),
        roles=(RoleSelection(STORAGE_COMMITMENT, scu=scu, scp=scp), RoleSelection("1.2.3", scu=True, scp=False)),
    )
    outcome = agreement(request)
    assert [answer.result for answer in outcome.accept.contexts] == [result, ContextResult.ACCEPTANCE]
    assert list(outcome.accept.roles) == answered


@pytest.mark.parametrize(("invoked", "answered"), [(0, WINDOW), (1, 1), (5, 5), (500, WINDOW)])
def test_the_window_is_ours_at_most_and_we_ask_one_thing_at_a_time(invoked: int, answered: int) -> None:
    outcome = agreement(dataclasses.replace(REQUEST, window=OperationsWindow(invoked, 0)))
    assert outcome.accept.window == OperationsWindow(answered, 1)


def test_storage_says_that_it_keeps_all_as_sent_and_no_other_class_is_extended() -> None:
    extended = tuple(
        ExtendedNegotiation(uid, b"\3\0\0\0\2\0") for uid in (ULTRASOUND_IMAGE, VERIFICATION, STORAGE_COMMITMENT, "1.2")
    )
    outcome = agreement(
        dataclasses.replace(
            proposing((ULTRASOUND_IMAGE, LITTLE), (VERIFICATION, LITTLE), (STORAGE_COMMITMENT, LITTLE)),
            extended=extended,
        )
    )
    assert outcome.accept.extended == (ExtendedNegotiation(ULTRASOUND_IMAGE, STORAGE_INFORMATION),)


def test_a_private_class_is_not_taken_on_the_word_of_its_common_negotiation() -> None:
    common = CommonExtendedNegotiation(PRIVATE, "1.2.840.10008.4.2", (ULTRASOUND_IMAGE,))
    outcome = agreement(dataclasses.replace(proposing((PRIVATE, LITTLE)), common_extended=(common,)))
    assert outcome.refused_syntaxes == (PRIVATE,)


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 200])
def test_a_user_identity_neither_opens_nor_closes_the_door(kind: int) -> None:
    known = agreement(dataclasses.replace(REQUEST, user_identity=UserIdentity(kind, response_requested=True)))
    assert known.accept == agreement(REQUEST).accept


def test_storage_commitment_is_spoken_in_what_a_data_set_without_pixels_is_encoded_in() -> None:
    outcome = agreement(
        proposing(
            (STORAGE_COMMITMENT, (JPEG_BASELINE, IMPLICIT_VR_LITTLE_ENDIAN)), (STORAGE_COMMITMENT, (RLE_LOSSLESS,))
        )
    )
    assert [(answer.result, answer.transfer_syntax) for answer in outcome.accept.contexts] == [
        (ContextResult.ACCEPTANCE, IMPLICIT_VR_LITTLE_ENDIAN),
        (ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED, IMPLICIT_VR_LITTLE_ENDIAN),
    ]


def test_a_class_that_is_no_uid_or_no_image_is_never_taken() -> None:
    allowing = Policy(RECEIVER, any_abstract_syntax=True)
    worklist = "1.2.840.10008.5.1.4.31"
    assert agreement(proposing((worklist, LITTLE)), allowing).refused_syntaxes == (worklist,)
    assert not agreement(proposing(("1" * 60_000, LITTLE), ("\xff", LITTLE)), allowing).contexts


ECHO, STORE, FIND, ACTION, CREATE = (
    CommandField.C_ECHO_RQ,
    CommandField.C_STORE_RQ,
    CommandField.C_FIND_RQ,
    CommandField.N_ACTION_RQ,
    CommandField.N_CREATE_RQ,
)


@pytest.mark.parametrize(
    ("abstract_syntax", "agreed"),
    [(VERIFICATION, {ECHO}), (STORAGE_COMMITMENT, {ECHO, ACTION}), (ULTRASOUND_IMAGE, {ECHO, STORE})],
)
def test_in_a_context_only_that_is_done_what_it_was_agreed_for(abstract_syntax: str, agreed: set[CommandField]) -> None:
    context = Context(1, abstract_syntax, EXPLICIT_VR_LITTLE_ENDIAN)
    for asked in CommandField:
        command = Command(asked, affected_sop_class_uid=ULTRASOUND_IMAGE)
        expected = None if asked in agreed else Status.UNRECOGNIZED_OPERATION
        assert refusal(command, context, POLICY) is expected


def test_an_instance_of_a_class_that_is_not_taken_is_refused_whatever_the_context() -> None:
    context = Context(1, ULTRASOUND_IMAGE, EXPLICIT_VR_LITTLE_ENDIAN)
    command = Command(CommandField.C_STORE_RQ, affected_sop_class_uid=PRIVATE)
    assert refusal(command, context, POLICY) is Status.REFUSED_SOP_CLASS_NOT_SUPPORTED
    assert refusal(command, context, Policy(RECEIVER, any_abstract_syntax=True)) is None
