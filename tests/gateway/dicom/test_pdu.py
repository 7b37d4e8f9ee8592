from __future__ import annotations

import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

from smartlink.gateway.dicom import items, pdu
from smartlink.gateway.dicom.items import MalformedPDUError
from smartlink.gateway.dicom.user_information import ExtendedNegotiation, OperationsWindow, RoleSelection
from tests.gateway.dicom.wire import ACCEPT, REQUEST, REQUEST_AS_HEARD

UIDS = st.integers(0, 10**30).map("1.2.{}".format)
TITLES = st.text("ABCUS019 -_.", min_size=1, max_size=16)


@given(
    called=TITLES,
    calling=TITLES,
    syntaxes=st.lists(st.tuples(UIDS, st.lists(UIDS, min_size=1, max_size=3)), min_size=1, max_size=5),
    maximum_length=st.integers(0, 2**32 - 1),
)
def test_a_request_comes_back_as_it_went(
    called: str, calling: str, syntaxes: list[tuple[str, list[str]]], maximum_length: int
) -> None:
    contexts = tuple(
        pdu.ProposedContext(2 * number + 1, abstract, tuple(transfers))
        for number, (abstract, transfers) in enumerate(syntaxes)
    )
    request = pdu.AssociateRequest(called.ljust(16), calling.ljust(16), contexts, maximum_length)
    assert pdu.decode_associate_request(pdu.encode_associate_request(request)[6:]) == request


def test_pynetdicom_reads_our_request_as_we_mean_it() -> None:
    theirs = A_ASSOCIATE_RQ()
    theirs.decode(pdu.encode_associate_request(REQUEST))
    assert (theirs.called_ae_title, theirs.calling_ae_title) == ("SMARTLINKRCVR", "US01")
    assert [context.abstract_syntax for context in theirs.presentation_context] == [
        context.abstract_syntax for context in REQUEST.contexts
    ]


def test_we_read_pynetdicoms_answer_as_it_means_it() -> None:
    theirs = A_ASSOCIATE_AC()
    ours = pdu.encode_associate_accept(ACCEPT)
    theirs.decode(ours)
    assert theirs.encode() == ours
    assert pdu.decode_associate_accept(theirs.encode()[6:]).contexts == ACCEPT.contexts


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_value_or_malformed(noise: bytes, accept: bool) -> None:  # noqa: FBT001 - drawn
    decode = pdu.decode_associate_accept if accept else pdu.decode_associate_request
    for body in (noise, pdu.encode_associate_request(REQUEST)[6:80] + noise):
        with contextlib.suppress(MalformedPDUError):
            decode(body)


@given(st.data())
def test_a_request_with_one_wrong_byte_is_a_value_or_malformed(data: st.DataObject) -> None:
    body = bytearray(pdu.encode_associate_request(REQUEST)[6:])
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedPDUError):
        pdu.decode_associate_request(bytes(body))


def test_no_more_than_128_presentation_contexts_are_even_looked_at() -> None:
    """128 is what odd numbers of one byte allow; 512 KiB hold 65,000 of them."""
    context = items.item(items.Item.PRESENTATION_CONTEXT_RQ, bytes(4))
    body = pdu.encode_associate_request(REQUEST)[6:] + 65_000 * context
    with pytest.raises(MalformedPDUError, match="more than 128"):
        pdu.decode_associate_request(body)


@pytest.mark.parametrize("ids", [(1, 1), (2,), (0,)], ids=["twice", "even", "zero"])
def test_presentation_context_ids_must_be_odd_and_different(ids: tuple[int, ...]) -> None:
    contexts = tuple(pdu.ProposedContext(number, "1.2", ("1.2.840.10008.1.2",)) for number in ids)
    body = pdu.encode_associate_request(pdu.AssociateRequest("A", "B", contexts, 0))[6:]
    with pytest.raises(MalformedPDUError, match="odd and different"):
        pdu.decode_associate_request(body)


def test_the_titles_of_a_request_are_left_as_sent() -> None:
    heard = pdu.decode_associate_request(pdu.encode_associate_request(REQUEST)[6:])
    assert heard == REQUEST_AS_HEARD


def test_a_rejection_and_an_abort_come_back_as_they_went() -> None:
    reject, abort = pdu.AssociateReject(2, 3, 2), pdu.Abort(2, 1)
    assert pdu.decode_associate_reject(pdu.encode_associate_reject(reject)[6:]) == reject
    assert pdu.decode_abort(pdu.encode_abort(abort)[6:]) == abort


def test_extended_negotiation_comes_back_as_it_went() -> None:
    request = dataclasses.replace(
        REQUEST_AS_HEARD,
        window=OperationsWindow(3, 4),
        roles=(RoleSelection("1.2.3", scu=False, scp=True),),
        extended=(ExtendedNegotiation("1.2.3", b"x"),),
    )
    assert pdu.decode_associate_request(pdu.encode_associate_request(request)[6:]) == request
    accept = dataclasses.replace(ACCEPT, window=request.window, roles=request.roles, extended=request.extended)
    heard = pdu.decode_associate_accept(pdu.encode_associate_accept(accept)[6:])
    assert (heard.window, heard.roles, heard.extended) == (accept.window, accept.roles, accept.extended)
