"""What we answer to a request for an Association (PS3.8 section 7.1.1, PS3.7 Annex D): one pure function.

We are SCP of all that we accept. Extended negotiation is answered by these rules:

- Role Selection: the requestor's SCU role is accepted, its SCP role turned down. Without a role left the context is.
- Asynchronous Operations Window: up to `WINDOW` requests may be under way, answered in their order; of ours one.
- SOP Class Extended: answered for Storage alone (PS3.4 section B.3.1): all is kept as sent, nothing is coerced.
- SOP Class Common Extended: read, and nothing is accepted on its word.
- User Identity: never verified, so never answered, even if a positive response was requested; it refuses nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.pdu import AssociateAccept, AssociateRequest, ContextAnswer, ContextResult, ProposedContext
from smartlink.gateway.dicom.user_information import ExtendedNegotiation, OperationsWindow, RoleSelection
from smartlink.standard import reject
from smartlink.standard.names import UID, AETitle
from smartlink.standard.sop_class import APPLICATION_CONTEXT, STORAGE, STORAGE_COMMITMENT, VERIFICATION, may_be_image
from smartlink.standard.status import Status
from smartlink.standard.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN, UNCOMPRESSED, choose

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from smartlink.gateway.dicom.command import Command

RECEIVE_PDU: Final = 256 * 1024
"""The Maximum Length we advertise: 16 KB instead of 128 KB cost 40 % on cines."""

WINDOW: Final = 16
"""Requests that a requestor may send before the first of them is answered."""

STORAGE_INFORMATION: Final = bytes((2, 0, 3, 0, 0, 0))
"""PS3.4 table B.3-2: a level 2 SCP with signature level 3 that does not coerce. The Data Set's bytes stay as sent."""

OPERATIONS: Final = {
    VERIFICATION: frozenset({CommandField.C_ECHO_RQ}),
    STORAGE_COMMITMENT: frozenset({CommandField.C_ECHO_RQ, CommandField.N_ACTION_RQ}),
}
"""What may be asked in a context of these Abstract Syntaxes; in every other one what Storage asks.

C-ECHO is answered in all of them: some scanners ask for it wherever they are.
"""
_STORAGE_OPERATIONS: Final = frozenset({CommandField.C_ECHO_RQ, CommandField.C_STORE_RQ})


NOT_AGREED: Final = {
    Status.UNRECOGNIZED_OPERATION: "The operation was not agreed on in this Presentation Context, or is not known.",
    Status.REFUSED_SOP_CLASS_NOT_SUPPORTED: "The C-STORE names a SOP Class that is not taken, or no SOP Class.",
}
"""What any request may be answered with before its service sees it; the Association goes on."""

REJECTIONS: Final = {
    reject.APPLICATION_CONTEXT_NOT_SUPPORTED: "The Application Context is not DICOM's.",
    reject.CALLING_AE_TITLE_NOT_RECOGNIZED: "The calling AE title is none, or not in `allowed_ae_titles`.",
    reject.CALLED_AE_TITLE_NOT_RECOGNIZED: "The called AE title is not ours, and `any_called_ae_title` is not set.",
    reject.PROTOCOL_VERSION_NOT_SUPPORTED: "Version 1 of the protocol is not offered.",
    reject.LOCAL_LIMIT_EXCEEDED: "As many Associations are open as are allowed, or too few files or threads are left.",
}
"""How an Association is rejected."""


ABSTRACT_SYNTAXES: Final = frozenset({VERIFICATION, STORAGE_COMMITMENT, *STORAGE})
"""What is accepted unless an administrator allowed more."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom we answer and what we take."""

    ae_title: AETitle
    any_called_ae_title: bool = False
    """Answer also to other called AE titles: for scanners that cannot be set (R69)."""
    any_abstract_syntax: bool = False
    """Take every private and unknown SOP Class too, as one to be stored: an administrator allowed it."""
    abstract_syntaxes: Collection[str] = field(default_factory=lambda: ABSTRACT_SYNTAXES)
    maximum_length: int = RECEIVE_PDU

    def takes(self, abstract_syntax: str) -> bool:
        """Whether this SOP Class is one of ours. A private one must at least be a UID."""
        if abstract_syntax in self.abstract_syntaxes:
            return True
        return self.any_abstract_syntax and may_be_image(abstract_syntax) and _is_uid(abstract_syntax)


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
    roles = {role.sop_class_uid: role for role in request.roles}
    answers = [_answer(context, policy, roles.get(context.abstract_syntax)) for context in request.contexts]
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
    syntaxes = {context.abstract_syntax for context in accepted.values()}
    accept = AssociateAccept(
        called_ae_title=request.called_ae_title,
        calling_ae_title=request.calling_ae_title,
        contexts=tuple(answers),
        maximum_length=policy.maximum_length,
        window=_window(request.window),
        roles=_roles(request.roles, syntaxes),
        extended=_extended(request.extended, syntaxes),
    )
    return Agreement(calling, str(policy.ae_title), accept, accepted, tuple(refused))


def refusal(command: Command, context: Context, policy: Policy) -> Status | None:
    """Return the Status for a request that was not agreed on, or None for one that was (PS3.7 Annex C.5)."""
    if command.field not in OPERATIONS.get(context.abstract_syntax, _STORAGE_OPERATIONS):
        return Status.UNRECOGNIZED_OPERATION
    if command.field == CommandField.C_STORE_RQ and not policy.takes(command.affected_sop_class_uid):
        return Status.REFUSED_SOP_CLASS_NOT_SUPPORTED
    return None


def _answer(proposed: ProposedContext, policy: Policy, role: RoleSelection | None) -> ContextAnswer:
    """Answer one proposed context; the Transfer Syntax of a refused one means nothing, but must be there."""
    chosen = choose(proposed.transfer_syntaxes)
    if proposed.abstract_syntax == STORAGE_COMMITMENT:
        chosen = choose(tuple(uid for uid in proposed.transfer_syntaxes if uid in UNCOMPRESSED))
    if not policy.takes(proposed.abstract_syntax):
        result = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    elif role is not None and not role.scu:
        result = ContextResult.USER_REJECTION
    elif chosen is None:
        result = ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED
    else:
        return ContextAnswer(proposed.context_id, ContextResult.ACCEPTANCE, chosen)
    return ContextAnswer(proposed.context_id, result, IMPLICIT_VR_LITTLE_ENDIAN)


def _window(proposed: OperationsWindow | None) -> OperationsWindow | None:
    """Answer the window, in the requestor's words: it invokes up to ours, and performs one (PS3.7 section D.3.3.3)."""
    if proposed is None:
        return None
    return OperationsWindow(invoked=min(proposed.invoked or WINDOW, WINDOW), performed=1)


def _roles(proposed: Iterable[RoleSelection], accepted: Collection[str]) -> tuple[RoleSelection, ...]:
    """Answer the roles of what was accepted, which includes that the requestor is SCU."""
    return tuple(
        RoleSelection(role.sop_class_uid, scu=True, scp=False) for role in proposed if role.sop_class_uid in accepted
    )


def _extended(proposed: Iterable[ExtendedNegotiation], accepted: Collection[str]) -> tuple[ExtendedNegotiation, ...]:
    """Answer for Storage alone: Verification has none, Storage Commitment must not (PS3.4 section J.2.1)."""
    return tuple(
        ExtendedNegotiation(one.sop_class_uid, STORAGE_INFORMATION)
        for one in proposed
        if one.sop_class_uid in accepted and one.sop_class_uid not in OPERATIONS
    )


def _is_uid(text: str) -> bool:
    try:
        UID.parse(text)
    except ValueError:
        return False
    return True
