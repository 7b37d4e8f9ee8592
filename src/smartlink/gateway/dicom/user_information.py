"""The User Information of an A-ASSOCIATE as values (PS3.8 Annex D, PS3.7 Annex D.3.3): what both sides may agree on.

Sub-items that are not known are passed over, as PS3.8 section D.2 demands; a known one that is not as its table has
it is malformed. Of two that speak of the same SOP Class the first counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smartlink.gateway.dicom.items import Item, MalformedPDUError, item, items, sized, take_sized, uid

if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW_LENGTH: Final = 4
_ROLES: Final = 2


@dataclass(frozen=True, slots=True)
class OperationsWindow:
    """Asynchronous Operations Window (PS3.7 section D.3.3.3), as the requestor sees it; 0 means unlimited."""

    invoked: int
    performed: int


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """SCP/SCU Role Selection for one SOP Class (PS3.7 section D.3.3.4): the requestor's roles."""

    sop_class_uid: str
    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation:
    """SOP Class Extended Negotiation (PS3.7 section D.3.3.5): bytes that the Service Class gives a meaning."""

    sop_class_uid: str
    information: bytes


@dataclass(frozen=True, slots=True)
class CommonExtendedNegotiation:
    """SOP Class Common Extended Negotiation (PS3.7 section D.3.3.6): what a SOP Class is, by its requestor's word."""

    sop_class_uid: str
    service_class_uid: str
    related_general_sop_class_uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """User Identity (PS3.7 section D.3.3.7). Names, passcodes and tickets are checked for length and forgotten."""

    kind: int
    """1 user name, 2 user name and passcode, 3 Kerberos, 4 SAML, 5 JSON Web Token."""
    response_requested: bool


@dataclass(frozen=True, slots=True)
class UserInformation:
    """What a peer says of itself and asks for, in the order of the standard's tables."""

    maximum_length: int = 0
    class_uid: str = ""
    version_name: str = ""
    window: OperationsWindow | None = None
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()
    common_extended: tuple[CommonExtendedNegotiation, ...] = ()
    user_identity: UserIdentity | None = None


def encode(user: UserInformation) -> bytes:
    """Return the User Information item; Common Extended Negotiation and User Identity are read, never sent."""
    window = user.window
    return item(
        Item.USER_INFORMATION,
        item(Item.MAXIMUM_LENGTH, user.maximum_length.to_bytes(4, "big"))
        + item(Item.IMPLEMENTATION_CLASS_UID, user.class_uid.encode("ascii"))
        + (b"" if window is None else item(Item.ASYNCHRONOUS_OPERATIONS_WINDOW, _encode_window(window)))
        + b"".join(item(Item.ROLE_SELECTION, _encode_role(role)) for role in user.roles)
        + item(Item.IMPLEMENTATION_VERSION_NAME, user.version_name.encode("ascii"))
        + b"".join(item(Item.SOP_CLASS_EXTENDED, _encode_extended(one)) for one in user.extended),
    )


@dataclass(slots=True)
class _Draft:
    """User Information while its sub-items are read."""

    maximum_length: int = 0
    class_uid: str = ""
    version_name: str = ""
    window: OperationsWindow | None = None
    roles: dict[str, RoleSelection] = field(default_factory=dict)
    extended: dict[str, ExtendedNegotiation] = field(default_factory=dict)
    common_extended: dict[str, CommonExtendedNegotiation] = field(default_factory=dict)
    user_identity: UserIdentity | None = None


def decode(value: bytes) -> UserInformation:
    """Return the value of a User Information item, or raise MalformedPDUError."""
    draft = _Draft()
    for kind, sub_item in items(value):
        take = _SUB_ITEMS.get(kind)
        if take is not None:
            take(draft, sub_item)
    return UserInformation(
        maximum_length=draft.maximum_length,
        class_uid=draft.class_uid,
        version_name=draft.version_name,
        window=draft.window,
        roles=tuple(draft.roles.values()),
        extended=tuple(draft.extended.values()),
        common_extended=tuple(draft.common_extended.values()),
        user_identity=draft.user_identity,
    )


def _encode_window(window: OperationsWindow) -> bytes:
    return window.invoked.to_bytes(2, "big") + window.performed.to_bytes(2, "big")


def _encode_role(role: RoleSelection) -> bytes:
    return sized(role.sop_class_uid.encode("ascii")) + bytes((role.scu, role.scp))


def _encode_extended(one: ExtendedNegotiation) -> bytes:
    return sized(one.sop_class_uid.encode("ascii")) + one.information


def _maximum_length(draft: _Draft, value: bytes) -> None:
    if len(value) != 4:  # PS3.8 Annex D.1
        raise MalformedPDUError("The Maximum Length item is not four bytes long.")
    draft.maximum_length = int.from_bytes(value, "big")


def _class_uid(draft: _Draft, value: bytes) -> None:
    draft.class_uid = uid(value)


def _version_name(draft: _Draft, value: bytes) -> None:
    draft.version_name = value.decode("latin-1").strip()


def _window(draft: _Draft, value: bytes) -> None:
    if len(value) != _WINDOW_LENGTH:
        raise MalformedPDUError("The Asynchronous Operations Window is not four bytes long.")
    draft.window = OperationsWindow(int.from_bytes(value[:2], "big"), int.from_bytes(value[2:], "big"))


def _role(draft: _Draft, value: bytes) -> None:
    name, roles = take_sized(value)
    if len(roles) != _ROLES:
        raise MalformedPDUError("An SCP/SCU Role Selection does not end with its two roles.")
    draft.roles.setdefault(uid(name), RoleSelection(uid(name), scu=bool(roles[0]), scp=bool(roles[1])))


def _extended(draft: _Draft, value: bytes) -> None:
    name, information = take_sized(value)
    draft.extended.setdefault(uid(name), ExtendedNegotiation(uid(name), information))


def _common_extended(draft: _Draft, value: bytes) -> None:
    name, rest = take_sized(value)
    service_class, rest = take_sized(rest)
    related, _ = take_sized(rest)  # what may follow is reserved (PS3.7 table D.3-12)
    general: list[str] = []
    while related:
        one, related = take_sized(related)
        general.append(uid(one))
    known = CommonExtendedNegotiation(uid(name), uid(service_class), tuple(general))
    draft.common_extended.setdefault(known.sop_class_uid, known)


def _user_identity(draft: _Draft, value: bytes) -> None:
    if len(value) < _ROLES:
        raise MalformedPDUError("A User Identity is shorter than its fixed fields.")
    _, rest = take_sized(value[2:])
    _, rest = take_sized(rest)
    if rest:
        raise MalformedPDUError("A User Identity goes on after its last field.")
    draft.user_identity = UserIdentity(kind=value[0], response_requested=bool(value[1]))


_SUB_ITEMS: Final[dict[int, Callable[[_Draft, bytes], None]]] = {
    Item.MAXIMUM_LENGTH: _maximum_length,
    Item.IMPLEMENTATION_CLASS_UID: _class_uid,
    Item.ASYNCHRONOUS_OPERATIONS_WINDOW: _window,
    Item.ROLE_SELECTION: _role,
    Item.IMPLEMENTATION_VERSION_NAME: _version_name,
    Item.SOP_CLASS_EXTENDED: _extended,
    Item.SOP_CLASS_COMMON_EXTENDED: _common_extended,
    Item.USER_IDENTITY_RQ: _user_identity,
}
