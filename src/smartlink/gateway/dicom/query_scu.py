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
from smartlink.gateway.dicom import tls
from smartlink.gateway.dicom.requestor import connect, never, place

if TYPE_CHECKING:
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
    connect(peer, limits.connect_seconds).close()  # names what is broken before pynetdicom would only say "no"
    association = _associate(peer, limits)
    ends = clock() + LONGEST_SECONDS
    found: set[str] = set()
    try:
        for study_instance_uid, series_instance_uid in series:
            if stop() or clock() > ends:
                raise AssociationFailed(Layer.TIMEOUT, f"{place(peer)} was not asked to the end.")
            asked_at = clock()
            try:
                found |= _of_series(peer, association, study_instance_uid, series_instance_uid)
            except _Unanswered:
                late = clock() - asked_at >= limits.response_seconds
                raise (_unanswered(peer, None) if late else _cut(peer)) from None
    finally:
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
    secured = None if peer.tls is None else (tls.client_context(peer.tls, peer.called_ae_title), _name(peer))
    association = entity.associate(peer.host, peer.port, ae_title=peer.called_ae_title, tls_args=secured)
    if association.is_established:
        return association
    if association.is_rejected:
        sentence = f"{place(peer)} rejects the association."
        raise AssociationFailed(Layer.ASSOCIATION, sentence, _NO_QUERIES.format(ae_title=peer.calling_ae_title))
    if association.rejected_contexts:
        sentence = f"{place(peer)} does not answer queries."
        raise AssociationFailed(Layer.CONTEXT, sentence, _NO_QUERIES.format(ae_title=peer.calling_ae_title))
    raise _cut(peer)


def _name(peer: Peer) -> str:
    return peer.host if peer.tls is None or peer.tls.server_name is None else peer.tls.server_name


def _of_series(peer: Peer, association: Association, study: str, series: str) -> set[str]:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "IMAGE"
    wanted.StudyInstanceUID = study
    wanted.SeriesInstanceUID = series
    wanted.SOPInstanceUID = ""
    found: set[str] = set()
    try:
        for answers, (status, identifier) in enumerate(association.send_c_find(wanted, StudyRoot), start=1):
            code = status.get("Status") if status else None
            if code == 0:
                return found
            if code is None:  # pynetdicom says no more
                raise _Unanswered
            if code not in _PENDING:
                raise _unanswered(peer, code)
            if identifier is not None and "SOPInstanceUID" in identifier:
                found.add(str(identifier.SOPInstanceUID))
            if answers > MOST_ANSWERS:
                association.abort()
                raise AssociationFailed(Layer.PROTOCOL, f"{place(peer)} answers a query without an end.")
    except (RuntimeError, ValueError) as problem:  # pynetdicom's words for an association that is gone meanwhile
        raise _cut(peer) from problem
    raise _Unanswered


def _cut(peer: Peer) -> AssociationFailed:
    """Some PACS answer a query that they do not allow by hanging up."""
    return AssociationFailed(
        Layer.ABORTED,
        f"{place(peer)} ends the association instead of answering a query.",
        _NO_QUERIES.format(ae_title=peer.calling_ae_title),
    )


def _unanswered(peer: Peer, code: int | None) -> AssociationFailed:
    how = "does not answer a query in time" if code is None else f"answers a query with the status {code:04X}"
    layer = Layer.TIMEOUT if code is None else Layer.PROTOCOL
    return AssociationFailed(layer, f"{place(peer)} {how}.", "Look into the log of the PACS server.")
