"""What we answer to a request for an Association (PS3.8 section 7.1.1, PS3.7 Annex D): one pure function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smartlink.gateway.dicom.pdu import AssociateAccept, AssociateRequest, ContextAnswer, ContextResult, ProposedContext
from smartlink.standard import reject
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import APPLICATION_CONTEXT, STORAGE, VERIFICATION
from smartlink.standard.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN, choose

if TYPE_CHECKING:
    from collections.abc import Collection

RECEIVE_PDU: Final = 256 * 1024
"""The Maximum Length we advertise: 16 KB instead of 128 KB cost 40 % on cines."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom we answer and what we take."""

    ae_title: AETitle
    any_called_ae_title: bool = False
    """Answer also to other called AE titles: for scanners that cannot be set (R69)."""
    any_abstract_syntax: bool = False
    """Take private and unknown SOP Classes too: an administrator allowed it."""
    abstract_syntaxes: Collection[str] = field(default_factory=lambda: frozenset({VERIFICATION, *STORAGE}))
    maximum_length: int = RECEIVE_PDU


@dataclass(frozen=True, slots=True)
class Context:
    """One accepted Presentation Context."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """An Association that we accept, and on what terms."""

    calling_ae_title: AETitle
    called_ae_title: str
    accept: AssociateAccept
    contexts: dict[int, Context]
    refused_syntaxes: tuple[str, ...]
    """Abstract Syntaxes that were proposed and are not ours: counted and shown, so that a person may allow them."""


def judge(request: AssociateRequest, policy: Policy) -> Agreement | reject.Rejection:
    """Return the terms, or why not. The called AE title is compared exactly after trimming (PS3.5 section 6.2)."""
    if request.application_context != APPLICATION_CONTEXT:
        return reject.APPLICATION_CONTEXT_NOT_SUPPORTED
    called = request.called_ae_title.strip(" \0")
    if called != policy.ae_title and not policy.any_called_ae_title:
        return reject.CALLED_AE_TITLE_NOT_RECOGNIZED
    try:
        calling = AETitle.parse(request.calling_ae_title.rstrip("\0"))
    except ValueError:
        return reject.CALLING_AE_TITLE_NOT_RECOGNIZED
    answers = [_answer(context, policy) for context in request.contexts]
    accepted = {
        proposed.context_id: Context(proposed.context_id, proposed.abstract_syntax, answer.transfer_syntax)
        for proposed, answer in zip(request.contexts, answers, strict=True)
        if answer.result is ContextResult.ACCEPTANCE
    }
    refused = dict.fromkeys(
        proposed.abstract_syntax
        for proposed, answer in zip(request.contexts, answers, strict=True)
        if answer.result is ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    )
    accept = AssociateAccept(
        called_ae_title=request.called_ae_title,
        calling_ae_title=request.calling_ae_title,
        contexts=tuple(answers),
        maximum_length=policy.maximum_length,
    )
    return Agreement(calling, str(policy.ae_title), accept, accepted, tuple(refused))


def _answer(proposed: ProposedContext, policy: Policy) -> ContextAnswer:
    """Answer one proposed context; the Transfer Syntax of a refused one means nothing, but must be there."""
    if proposed.abstract_syntax not in policy.abstract_syntaxes and not policy.any_abstract_syntax:
        result = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    elif (chosen := choose(proposed.transfer_syntaxes)) is None:
        result = ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED
    else:
        return ContextAnswer(proposed.context_id, ContextResult.ACCEPTANCE, chosen)
    return ContextAnswer(proposed.context_id, result, IMPLICIT_VR_LITTLE_ENDIAN)
