"""Query SCU, Study Root (PS3.4 Annex C): which instances of a series a PACS has.

pynetdicom speaks, since speed does not matter; nothing is fetched.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRoot  # type: ignore[attr-defined]

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.dicom import tls, tls_words
from smartlink.gateway.dicom.requestor import connect, never, place
from smartlink.gateway.errors import Refused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from pynetdicom.association import Association

    from smartlink.gateway.calling import Peer, SendLimits

MOST_ANSWERS: Final = 20_000
"""Of one series; a PACS that goes on for ever is given up."""
LONGEST_SECONDS: Final = 600.0
"""For all series together."""
_PENDING: Final = frozenset({0xFF00, 0xFF01})
_NO_QUERIES: Final = "Ask the administrator of the PACS to allow queries (Study Root FIND) for the AE title {ae_title}."


class _Unanswered(Exception):
    """No answer came: too late, or never because the peer hung up."""


def held_by(
    peer: Peer,
    series: Iterable[tuple[str, str]],
    limits: SendLimits,
    stop: Callable[[], bool] = never,
    clock: Callable[[], float] = time.monotonic,
) -> frozenset[str]:
    """Return the SOP Instance UIDs that the PACS has of these series (Study and Series Instance UID).

    One Association for all. Raises AssociationFailed when the PACS cannot be asked, or does not answer as it should.
    """
    ends = clock() + LONGEST_SECONDS

    def check() -> None:
        if stop() or clock() > ends:
            raise AssociationFailed(Layer.TIMEOUT, f"{place(peer)} was not asked to the end.")

    check()
    connect(peer, limits.connect_seconds).close()  # names what is broken before pynetdicom would only say "no"
    association = _associate(peer, limits)
    found: set[str] = set()
    try:
        for study_instance_uid, series_instance_uid in series:
            check()
            asked_at = clock()
            try:
                found |= _of_series(peer, association, study_instance_uid, series_instance_uid, check)
            except _Unanswered:
                late = clock() - asked_at >= limits.response_seconds
                raise (_unanswered(peer, None) if late else _cut(peer)) from None
    except BaseException:
        if association.is_established:
            association.abort()  # answers may still come, which nobody reads
        raise
    if association.is_established:
        association.release()
    return frozenset(found)


def _associate(peer: Peer, limits: SendLimits) -> Association:
    entity = ApplicationEntity(peer.calling_ae_title)
    entity.connection_timeout = limits.connect_seconds
    entity.acse_timeout = limits.associate_seconds
    entity.dimse_timeout = limits.response_seconds
    entity.network_timeout = limits.idle_seconds
    entity.add_requested_context(StudyRoot)
    association = entity.associate(peer.host, peer.port, ae_title=peer.called_ae_title, tls_args=_secured(peer))
    if association.is_established:
        return association
    if association.is_rejected:
        sentence = f"{place(peer)} rejects the association."
        raise AssociationFailed(Layer.ASSOCIATION, sentence, _NO_QUERIES.format(ae_title=peer.calling_ae_title))
    if association.rejected_contexts:
        sentence = f"{place(peer)} does not answer queries."
        raise AssociationFailed(Layer.CONTEXT, sentence, _NO_QUERIES.format(ae_title=peer.calling_ae_title))
    raise _cut(peer)


def _secured(peer: Peer) -> tuple[ssl.SSLContext, str] | None:
    """Return by what the connection is secured, and the name in the peer's certificate; None: it is not secured."""
    if peer.tls is None:
        return None
    try:
        return tls.client_context(peer.tls, peer.called_ae_title), peer.tls.server_name or peer.host
    except (Refused, OSError, ValueError) as problem:
        raise tls_words.unusable(peer, problem) from problem


def _of_series(peer: Peer, association: Association, study: str, series: str, check: Callable[[], None]) -> set[str]:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "IMAGE"
    wanted.StudyInstanceUID = study
    wanted.SeriesInstanceUID = series
    wanted.SOPInstanceUID = ""
    found: set[str] = set()
    try:
        for answers, (status, identifier) in enumerate(association.send_c_find(wanted, StudyRoot), start=1):
            check()
            code = status.get("Status") if status else None
            if code == 0:
                return found
            if code is None:  # pynetdicom says no more
                raise _Unanswered
            if code not in _PENDING:
                raise _unanswered(peer, code)
            found |= _named_in(peer, identifier)
            if answers > MOST_ANSWERS:
                raise AssociationFailed(Layer.PROTOCOL, f"{place(peer)} answers a query without an end.")
    except (RuntimeError, ValueError) as problem:  # pynetdicom's words for an association that is gone meanwhile
        raise _cut(peer) from problem
    raise _Unanswered


def _named_in(peer: Peer, identifier: Dataset | None) -> set[str]:
    """Return the SOP Instance UID of one answer, where it has one; pynetdicom's word for an unreadable one is None."""
    try:
        if identifier is not None:
            return {str(identifier.SOPInstanceUID)} if "SOPInstanceUID" in identifier else set()
    except Exception as problem:  # a foreign value is decoded here, and pydicom raises what it likes
        raise _unreadable(peer) from problem
    raise _unreadable(peer)


def _cut(peer: Peer) -> AssociationFailed:
    """Some PACS answer a query that they do not allow by hanging up."""
    return AssociationFailed(
        Layer.ABORTED,
        f"{place(peer)} ends the association instead of answering a query.",
        _NO_QUERIES.format(ae_title=peer.calling_ae_title),
    )


def _unreadable(peer: Peer) -> AssociationFailed:
    return AssociationFailed(
        Layer.PROTOCOL,
        f"{place(peer)} answers a query with what cannot be read.",
        "Look into the log of the PACS server.",
    )


def _unanswered(peer: Peer, code: int | None) -> AssociationFailed:
    how = "does not answer a query in time" if code is None else f"answers a query with the status {code:04X}"
    layer = Layer.TIMEOUT if code is None else Layer.PROTOCOL
    return AssociationFailed(layer, f"{place(peer)} {how}.", "Look into the log of the PACS server.")
