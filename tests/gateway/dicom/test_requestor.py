"""An Association as requestor against peers that misbehave: every wait ends, and each failure names its layer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from smartlink.gateway.calling import Answered, AssociationFailed, Layer, Outcome, SendLimits
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom.command import Command, CommandField
from smartlink.gateway.dicom.storage_scu import store
from smartlink.standard import reject
from smartlink.standard.reject import AbortSource, Rejection, Result, Source
from tests.gateway.dicom.pacs import FILES, Callee, archive, items, scripted, told

QUICK = SendLimits(connect_seconds=0.5, associate_seconds=0.5, response_seconds=0.5, idle_seconds=0.5)


def failing(play: Callable[[socket.socket], object], limits: SendLimits = QUICK) -> AssociationFailed:
    """Return how storing in this peer fails."""
    with scripted(play) as port, pytest.raises(AssociationFailed) as failed:
        told(archive(port), items(FILES[0]), limits)
    assert "ARCHIVE at 127.0.0.1" in failed.value.sentence
    assert failed.value.remedy
    return failed.value


class Until:
    """Lets a peer do nothing until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def silent(self, _: socket.socket) -> None:
        self.over.wait(20)

    def silent_after_associating(self, sock: socket.socket) -> None:
        Callee(sock).associate()
        self.over.wait(20)

    def silent_after_the_image(self, sock: socket.socket) -> None:
        Callee(sock).associate().take()
        self.over.wait(20)

    def drips(self, sock: socket.socket) -> None:
        """Answer the request for an Association, a byte at a time, for ever."""
        while not self.over.wait(0.05):
            sock.sendall(b"\x02")
            break
        for _ in range(5):
            if self.over.wait(0.2):
                return
            sock.sendall(b"\x00")
        self.over.wait(20)


@pytest.mark.proves("R112")
@pytest.mark.parametrize(
    ("play", "what"),
    [
        ("silent", "answer the request for an association"),
        ("drips", "answer the request for an association"),
        ("silent_after_the_image", "answer a message"),
    ],
)
def test_a_silent_peer_is_given_up_in_time(play: str, what: str) -> None:
    until = Until()
    with scripted(getattr(until, play)) as port:
        with pytest.raises(AssociationFailed, match=what) as failed:
            told(archive(port, "SILENT"), items(FILES[0]), QUICK)
        until.over.set()
    assert failed.value.layer is Layer.TIMEOUT


def test_what_was_answered_before_a_silence_stays_answered() -> None:
    until = Until()

    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        callee.answer(*callee.take())
        until.over.wait(20)

    outcomes: list[Outcome] = []
    with scripted(play) as port:
        with pytest.raises(AssociationFailed) as failed:
            store(archive(port), items(*FILES[:3]), QUICK, outcomes.append)
        until.over.set()
    assert failed.value.layer is Layer.TIMEOUT
    assert outcomes == [Answered(0, 0)]


def test_a_peer_that_takes_nothing_any_more_is_given_up(large: list[Outcome]) -> None:
    assert large == []


@pytest.fixture
def large(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """What is told when 64 MB go to a peer that stops reading."""
    path = tmp_path_factory.mktemp("large") / "large.dcm"
    with path.open("wb") as file:
        file.truncate(64_000_000)
    item = replace(items(FILES[0])[0], path=path, dataset_offset=0, dataset_length=64_000_000)
    until, outcomes = Until(), list[Outcome]()
    with scripted(until.silent_after_associating) as port:
        with pytest.raises(AssociationFailed, match="take what is sent") as failed:
            store(archive(port), [item], QUICK, outcomes.append)
        until.over.set()
    assert failed.value.layer is Layer.TIMEOUT
    return outcomes


def test_a_peer_that_hangs_up_is_told() -> None:
    assert failing(lambda sock: sock.close()).layer is Layer.ABORTED


def test_a_peer_that_hangs_up_in_the_middle_is_told() -> None:
    assert failing(lambda sock: Callee(sock).associate()).layer is Layer.ABORTED


@pytest.mark.proves("R47")
@pytest.mark.parametrize(
    ("rejection", "sentence", "remedy"),
    [
        (reject.CALLING_AE_TITLE_NOT_RECOGNIZED, "calling AE title not recognised (1/1/3)", "SMARTLINKSNDR"),
        (reject.CALLED_AE_TITLE_NOT_RECOGNIZED, "called AE title not recognised (1/1/7)", "ARCHIVE"),
        (reject.LOCAL_LIMIT_EXCEEDED, "local limit exceeded (2/3/2)", "busy"),
        (Rejection(Result.REJECTED_PERMANENT, Source.SERVICE_USER, 1), "no reason given (1/1/1)", "SMARTLINKSNDR"),
    ],
)
def test_a_rejection_is_told_in_words_with_a_remedy(rejection: Rejection, sentence: str, remedy: str) -> None:
    def play(sock: socket.socket) -> None:
        callee = Callee(sock)
        callee.hear()
        sock.sendall(callee.layer.reject(rejection))
        callee.hear()

    failed = failing(play)
    assert failed.layer is Layer.ASSOCIATION
    assert sentence in failed.sentence
    assert remedy in failed.remedy


def test_an_abort_instead_of_a_response_is_told() -> None:
    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        callee.take()
        sock.sendall(callee.layer.abort(AbortSource.SERVICE_USER))

    failed = failing(play)
    assert failed.layer is Layer.ABORTED
    assert "aborted the association" in failed.sentence


def test_a_release_in_the_middle_is_told() -> None:
    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        callee.take()
        sock.sendall(callee.layer.release())
        callee.hear()

    failed = failing(play)
    assert failed.layer is Layer.ABORTED
    assert "ended the association early" in failed.sentence


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\n\r\n", b"\x09\x00\x00\x00\x00\x04abcd", b"\x02\x00\xff\xff\xff\xff"]
)
def test_what_is_not_dicom_is_told_as_such(said: bytes) -> None:
    assert failing(lambda sock: sock.sendall(said)).layer is Layer.PROTOCOL


def test_a_response_to_another_message_is_no_answer() -> None:
    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        context_id, command = callee.take()
        callee.answer(context_id, replace(command, message_id=command.message_id + 1))
        callee.hear()

    assert failing(play).layer is Layer.PROTOCOL


def test_a_request_instead_of_a_response_is_no_answer() -> None:
    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        context_id, _ = callee.take()
        sock.sendall(callee.layer.send_command(context_id, Command(CommandField.C_ECHO_RQ, message_id=1)))
        callee.hear()

    assert failing(play).layer is Layer.PROTOCOL


def test_another_transfer_syntax_than_the_one_proposed_is_not_taken() -> None:
    class Sly(Callee):
        def associate(self, maximum_length: int = 16384) -> Sly:
            event = self.hear()
            self.proposed = event.request.contexts  # type: ignore[union-attr] # it is a request
            answers = tuple(
                pdu.ContextAnswer(one.context_id, pdu.ContextResult.ACCEPTANCE, "1.2.840.10008.1.2.4.50")
                for one in self.proposed
            )
            accept = pdu.AssociateAccept("ARCHIVE", "SMARTLINKSNDR", answers, maximum_length)
            self.sock.sendall(self.layer.accept(accept))
            return self

    def play(sock: socket.socket) -> None:
        callee = Sly(sock).associate()
        callee.hear()
        sock.sendall(callee.layer.respond_release())
        callee.hear()

    with scripted(play) as port:
        (outcome,) = told(archive(port), items(FILES[0]), QUICK)
    assert not isinstance(outcome, Answered)


@pytest.mark.parametrize("rude", ["closes", "aborts", "silent", "collides"])
def test_a_peer_that_is_rude_after_the_last_answer_does_no_harm(rude: str) -> None:
    until = Until()

    def play(sock: socket.socket) -> None:
        callee = Callee(sock).associate()
        callee.answer(*callee.take())
        if rude == "collides":
            sock.sendall(callee.layer.release())
        callee.hear()
        if rude == "aborts":
            sock.sendall(callee.layer.abort(AbortSource.SERVICE_USER))
        elif rude == "silent":
            until.over.wait(20)
        elif rude == "collides":
            callee.hear()

    with scripted(play) as port:
        assert told(archive(port), items(FILES[0]), QUICK) == [Answered(0, 0)]
        until.over.set()


def test_whoever_is_told_to_stop_waits_a_last_moment_for_the_answer_under_way() -> None:
    until = Until()
    outcomes: list[Outcome] = []
    limits = SendLimits(stop_seconds=0.5)
    with scripted(until.silent_after_the_image) as port:
        asked = iter([False, False])
        store(archive(port), items(*FILES[:2]), limits, outcomes.append, lambda: next(asked, True))
        until.over.set()
    assert outcomes == []
