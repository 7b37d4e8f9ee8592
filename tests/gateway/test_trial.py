"""Where a trial is broken, and what is said of the other steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smartlink.gateway.calling import AssociationFailed, Layer, Peer, Tls
from smartlink.gateway.trial import Ended, Line, Step, broken, concluded

PEER = Peer("192.0.2.9", 104, "ARCHIVE", "SMARTLINKSNDR")
OF_PACS: list[Step] = [step for step in Step if step is not Step.FIND]


@pytest.mark.proves("R47")
@pytest.mark.parametrize(
    ("layer", "under_way", "broken_at"),
    [
        (Layer.NAME, Step.NAME, Step.NAME),
        (Layer.ROUTE, Step.ROUTE, Step.ROUTE),
        (Layer.PORT, Step.ROUTE, Step.PORT),
        (Layer.TLS, Step.ROUTE, Step.TLS),
        (Layer.ASSOCIATION, Step.ASSOCIATION, Step.ASSOCIATION),
        (Layer.CONTEXT, Step.CONTEXTS, Step.CONTEXTS),
        (Layer.TIMEOUT, Step.ASSOCIATION, Step.ASSOCIATION),
        (Layer.TIMEOUT, Step.ECHO, Step.ECHO),
        (Layer.ABORTED, Step.ECHO, Step.ECHO),
        (Layer.PROTOCOL, Step.ASSOCIATION, Step.ASSOCIATION),
    ],
)
def test_each_layer_breaks_its_step(layer: Layer, under_way: Step, broken_at: Step) -> None:
    peer = replace(PEER, tls=Tls()) if broken_at is Step.TLS else PEER
    trial = broken(peer, [], AssociationFailed(layer, "It fails.", "Mend it."), under_way)
    steps = [step for step in OF_PACS if step is not Step.TLS or peer.tls is not None]
    assert [line.step for line in trial.lines] == steps
    at = steps.index(broken_at)
    assert [line.ended for line in trial.lines] == [
        *[Ended.OK] * at,
        Ended.FAILED,
        *[Ended.SKIPPED] * (len(steps) - at - 1),
    ]
    assert trial.failure == Line(broken_at, Ended.FAILED, "It fails.", remedy="Mend it.")
    assert not trial.succeeded


def test_a_peer_that_wants_tls_and_is_called_without_breaks_the_step_that_is_missing() -> None:
    trial = broken(PEER, [], AssociationFailed(Layer.TLS, "It speaks TLS.", "Mend it."), Step.ASSOCIATION)
    assert [line.step for line in trial.lines] == OF_PACS
    assert trial.lines[3].ended is Ended.FAILED


def test_what_was_skipped_is_no_failure() -> None:
    trial = concluded(PEER, [Line(Step.ECHO, Ended.SKIPPED, "Not offered.")])
    assert trial.succeeded
    assert trial.failure is None


@pytest.mark.proves("R57")
def test_the_trial_of_a_worklist_server_ends_with_the_query() -> None:
    failed = AssociationFailed(Layer.PROTOCOL, "It refuses.", "Mend it.")
    trial = broken(PEER, [], failed, Step.FIND, last=Step.FIND)
    assert [line.step for line in trial.lines] == [*(step for step in OF_PACS if step is not Step.TLS), Step.FIND]
    assert trial.failure is not None
    assert trial.failure.step is Step.FIND
