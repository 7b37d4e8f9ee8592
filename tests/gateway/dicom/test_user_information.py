"""Extended negotiation on the wire; pynetdicom writes what we read, and reads what we write."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import pdu_items as theirs
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from smartlink.gateway.dicom import user_information
from smartlink.gateway.dicom.items import Item, MalformedPDUError, item, sized
from smartlink.gateway.dicom.user_information import (
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    OperationsWindow,
    RoleSelection,
    UserIdentity,
    UserInformation,
    decode,
)
from smartlink.standard.sop_class import STORAGE_COMMITMENT, ULTRASOUND_IMAGE

SERVICE_CLASS = "1.2.840.10008.4.2"
NUMBER = st.integers(0, 0xFFFF)
UIDS = st.integers(0, 10**30).map("1.2.{}".format)


def encoded(primitive: object) -> bytes:
    return bytes(primitive.from_primitive().encode())  # type: ignore[attr-defined] # their items have no common type


def test_we_read_what_pynetdicom_proposes() -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 5, 0
    role = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = STORAGE_COMMITMENT, False, True
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = ULTRASOUND_IMAGE, b"\3\0\0\0\2\0"
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = "1.2.3.4", SERVICE_CLASS
    common.related_general_sop_class_identification = [ULTRASOUND_IMAGE, "1.2.3"]
    identity = UserIdentityNegotiation()
    identity.user_identity_type, identity.positive_response_requested = 2, True
    identity.primary_field, identity.secondary_field = b"alice", b"secret"
    found = decode(b"".join(encoded(one) for one in (window, role, extended, common, identity)))
    assert found == UserInformation(
        window=OperationsWindow(invoked=5, performed=0),
        roles=(RoleSelection(STORAGE_COMMITMENT, scu=False, scp=True),),
        extended=(ExtendedNegotiation(ULTRASOUND_IMAGE, b"\3\0\0\0\2\0"),),
        common_extended=(CommonExtendedNegotiation("1.2.3.4", SERVICE_CLASS, (ULTRASOUND_IMAGE, "1.2.3")),),
        user_identity=UserIdentity(kind=2, response_requested=True),
    )
    assert b"alice" not in repr(found).encode()


@given(
    window=st.none() | st.builds(OperationsWindow, NUMBER, NUMBER),
    roles=st.dictionaries(UIDS, st.tuples(st.booleans(), st.booleans()), max_size=3),
    extended=st.dictionaries(UIDS, st.binary(max_size=10), max_size=3),
)
def test_what_we_send_comes_back_as_it_went(
    window: OperationsWindow | None, roles: dict[str, tuple[bool, bool]], extended: dict[str, bytes]
) -> None:
    user = UserInformation(
        maximum_length=4096,
        class_uid="1.2.3",
        version_name="NAME",
        window=window,
        roles=tuple(RoleSelection(uid, *both) for uid, both in roles.items()),
        extended=tuple(ExtendedNegotiation(*one) for one in extended.items()),
    )
    assert decode(user_information.encode(user)[4:]) == user


def test_pynetdicom_reads_what_we_answer() -> None:
    user = UserInformation(
        maximum_length=4096,
        class_uid="1.2.3",
        version_name="NAME",
        window=OperationsWindow(16, 1),
        roles=(RoleSelection(STORAGE_COMMITMENT, scu=True, scp=False),),
        extended=(ExtendedNegotiation(ULTRASOUND_IMAGE, b"\2\0\3\0\0\0"),),
    )
    ours = user_information.encode(user)
    found = theirs.UserInformationItem()
    found.decode(ours)
    assert found.async_ops_window is not None
    assert found.async_ops_window.max_operations_invoked == 16
    assert [(role.scu_role, role.scp_role) for role in found.role_selection.values()] == [(1, 0)]
    assert [one.app_info for one in found.ext_neg] == [b"\2\0\3\0\0\0"]


ROLE = item(Item.ROLE_SELECTION, sized(b"1.2.3") + b"\1\0")
BROKEN = {
    "a maximum length of three bytes": item(Item.MAXIMUM_LENGTH, b"\0\0\1"),
    "a window of two bytes": item(Item.ASYNCHRONOUS_OPERATIONS_WINDOW, b"\0\1"),
    "a role with a UID beyond its item": item(Item.ROLE_SELECTION, b"\xff\xff1.2.3\1\0"),
    "a role without its roles": item(Item.ROLE_SELECTION, sized(b"1.2.3")),
    "a role with three": item(Item.ROLE_SELECTION, sized(b"1.2.3") + b"\1\0\0"),
    "an extended one with a UID beyond its item": item(Item.SOP_CLASS_EXTENDED, b"\0\x401.2.3"),
    "a common one with a list beyond its item": item(
        Item.SOP_CLASS_COMMON_EXTENDED, sized(b"1.2") + sized(b"1.2.3") + b"\xff\xff\0\0"
    ),
    "a common one with a UID beyond its list": item(
        Item.SOP_CLASS_COMMON_EXTENDED, sized(b"1.2") + sized(b"1.2.3") + sized(b"\xff\xff1.2")
    ),
    "an identity without its fields": item(Item.USER_IDENTITY_RQ, b"\1"),
    "an identity with a name beyond its item": item(Item.USER_IDENTITY_RQ, b"\1\0\xff\xffalice"),
    "an identity without its passcode's length": item(Item.USER_IDENTITY_RQ, b"\2\0" + sized(b"alice")),
    "an identity that goes on": item(Item.USER_IDENTITY_RQ, b"\2\0" + sized(b"alice") + sized(b"x") + b"more"),
    "a sub-item beyond the whole": struct.pack(">BxH", Item.ROLE_SELECTION, 0xFFFF),
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN.keys())
def test_a_length_that_lies_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedPDUError):
        decode(ROLE + value)


@given(st.sampled_from(Item), st.binary(max_size=80))
def test_any_sub_item_is_a_value_or_malformed(kind: Item, value: bytes) -> None:
    with contextlib.suppress(MalformedPDUError):
        decode(item(kind, value))


def test_sub_items_that_are_not_known_are_passed_over() -> None:
    """PS3.8 section D.2: an Association is never refused because of them."""
    assert decode(struct.pack(">BxH", 0x5A, 3) + b"new" + ROLE).roles == (RoleSelection("1.2.3", scu=True, scp=False),)


def test_of_two_that_speak_of_one_sop_class_the_first_counts() -> None:
    again = item(Item.ROLE_SELECTION, sized(b"1.2.3") + b"\0\1")
    assert decode(ROLE + again).roles == (RoleSelection("1.2.3", scu=True, scp=False),)
