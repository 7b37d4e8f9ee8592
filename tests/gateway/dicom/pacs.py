"""PACS for the tests of the senders: DCMTK's storescp as it can be told to be, and one that answers what it is told."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from pydicom.data import get_testdata_file

from smartlink.gateway.calling import Outcome, Outgoing, Peer, SendLimits
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import Command
from smartlink.gateway.dicom.states import Role
from smartlink.gateway.dicom.storage_scu import outgoing, store
from tests.requires import requires

PATIENCE = 20.0
LIMITS = SendLimits(connect_seconds=5, associate_seconds=5, response_seconds=5, idle_seconds=5)


def sample(name: str) -> Path:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return Path(path)


FILES = [sample("CT_small.dcm"), sample("MR_small_RLE.dcm"), sample("MR_small_bigendian.dcm"), sample("JPEG2000.dcm")]


def items(*paths: Path) -> list[Outgoing]:
    return [outgoing(key, path) for key, path in enumerate(paths)]


def data_set(path: Path) -> bytes:
    whole = path.read_bytes()
    return whole[128 + 4 + 12 + int.from_bytes(whole[140:144], "little") :]


def archive(port: int, called: str = "ARCHIVE") -> Peer:
    return Peer("127.0.0.1", port, called, "SMARTLINKSNDR")


def told(peer: Peer, outgoings: list[Outgoing], limits: SendLimits = LIMITS) -> list[Outcome]:
    """Store the items and return what was told of them."""
    outcomes: list[Outcome] = []
    store(peer, outgoings, limits, outcomes.append)
    return outcomes


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """Run DCMTK's storescp with its files in a folder; yield its port once it listens."""
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [requires("storescp"), *options, "-od", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_open(port)
            yield port
        finally:
            process.terminate()


def _wait_until_open(port: int) -> None:
    """Wait until something listens on the port; storescp says nothing when it does."""
    patience = threading.Event()
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        patience.wait(0.025)
    raise AssertionError("storescp did not open its port")


class Callee:
    """An acceptor that a test drives step by step, over a real socket; it can also say what nobody should."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.layer = ul.UpperLayer(Role.ACCEPTOR)
        self.layer.transport_opened()
        self.proposed: tuple[pdu.ProposedContext, ...] = ()
        self.next: ul.Event | None = None

    def associate(self, maximum_length: int = 16384) -> Self:
        """Accept every context that is proposed."""
        event = self.hear()
        assert isinstance(event, ul.AssociationRequested), event
        self.proposed = event.request.contexts
        self.sock.sendall(
            self.layer.accept(
                pdu.AssociateAccept(
                    called_ae_title=event.request.called_ae_title,
                    calling_ae_title=event.request.calling_ae_title,
                    contexts=tuple(
                        pdu.ContextAnswer(one.context_id, pdu.ContextResult.ACCEPTANCE, one.transfer_syntaxes[0])
                        for one in self.proposed
                    ),
                    maximum_length=maximum_length,
                )
            )
        )
        return self

    def message_follows(self) -> bool:
        """Wait for what comes next; confirm a release."""
        self.next = self.hear()
        if isinstance(self.next, ul.ReleaseRequested):
            self.sock.sendall(self.layer.respond_release())
        return isinstance(self.next, ul.CommandReceived)

    def take(self) -> tuple[int, Command]:
        """Take one whole message; return its context and command."""
        event, self.next = self.next or self.hear(), None
        assert isinstance(event, ul.CommandReceived), event
        part: ul.Event | None = None
        while event.command.has_data_set and not (isinstance(part, ul.DataFragment) and part.last):
            part = self.hear()
        return event.context_id, event.command

    def answer(self, context_id: int, command: Command, status: int = 0) -> None:
        self.sock.sendall(self.layer.send_command(context_id, command.response(status)))

    def hear(self) -> ul.Event:
        while (event := self.layer.next_event()) is None:
            data = self.sock.recv(65536)
            if not data:
                return self.layer.transport_closed()
            self.layer.receive(data)
        return event


@contextmanager
def scripted(play: Callable[[socket.socket], object]) -> Iterator[int]:
    """Let `play` talk to each caller, one after the other; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller, suppress(OSError):  # the caller may hang up first, which is its right
                    play(caller)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
