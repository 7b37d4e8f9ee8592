"""`python -m smartlink.demo`: an exam travels from an ultrasound system to a physician's Drafts, before your eyes.

With `--once` it proves what it shows, prints `demo: ok` as its last line, and ends.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from smartlink.demo import archive, check, play, stage
from smartlink.demo.board import Board, Hop
from smartlink.demo.programs import LOOPBACK, Program, ProgramFailed, TooLate, last_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from smartlink.demo.play import Played
    from smartlink.demo.stage import Stage

GATEWAYS_HOPS = frozenset({Hop.GATEWAY, Hop.SENT, Hop.UPLOADED})
"""Hops whose failure is to be looked for in the gateway's log first."""


PROVEN = frozenset({Hop.STORED, Hop.CHECKED})
"""Hops of `--once`; without it the person who watches presses Submit."""


def main() -> int:
    """Play; return the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    folder = options.folder.resolve()
    stage.clear(folder)
    scene = stage.build(folder, dicom_port=stage.DICOM_PORT, web_port=stage.WEB_PORT)
    hops = tuple(Hop) if options.once else tuple(hop for hop in Hop if hop not in PROVEN)
    board = Board(console, time.monotonic, hops)
    try:
        played = _watch(scene, board, prove=options.once)
        if not options.once:
            _stay(scene, console, played)
    except KeyboardInterrupt:
        console.print("Ending.")
        return 0 if not options.once else 130
    except (ProgramFailed, TooLate) as failure:
        _explain(console, scene, board, failure)
        return 1
    finally:
        scene.stop()
    if options.once:
        console.print("demo: ok")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m smartlink.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="check what arrived, print `demo: ok` and end")
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where its data goes; emptied at the start")
    return parser.parse_args()


def _watch(scene: Stage, board: Board, *, prove: bool) -> Played:
    """Play with the board up; a hop that fails is marked on it."""
    with board, _marked(board):
        played = play.play(scene, board, lambda: datetime.now(UTC), lambda: f"2.25.{uuid.uuid4().int}")
        if prove:
            play.submit(scene, board, played)
            board.begin(Hop.CHECKED)
            board.done(Hop.CHECKED, check.everything(scene, played))
    return played


@contextmanager
def _marked(board: Board) -> Iterator[None]:
    """Mark the hop under way as failed when the play stops in it."""
    try:
        yield
    except (ProgramFailed, TooLate) as failure:
        board.fail(board.current() or Hop.WORKS, str(failure))
        raise


def _stay(scene: Stage, console: Console, played: Played) -> None:
    """Say where to look and who can sign in; return when interrupted, or raise when a program ends by itself."""
    console.print(f"\nWorks:    {scene.works_url}")
    console.print(f"PACS:     {archive.AE_TITLE} at {LOOPBACK}:{scene.archive.port} (DICOM)")
    console.print(f"Gateway:  {scene.dicom.called_ae_title} at {scene.dicom.host}:{scene.dicom.port} (DICOM)\n")
    for person in played.site.people:
        console.print(
            f"  {person.name:<15} {_on_screen(person.role):<27} {person.email:<32} {person.password}", highlight=False
        )
    physician, order = played.site.physicians[0], played.exam.order
    console.print(
        f"\nSign in as {physician.name}, open the exam of {order.family} and press Submit: it goes to the PACS."
    )
    console.print("Ctrl-C ends it.")
    ended = threading.Event()
    held = 0
    while not ended.wait(1):
        scene.works.must_run()
        scene.gateway.must_run()
        if (now := len(scene.archive.held())) != held:
            held = now
            console.print(f"The PACS holds {held} of {len(played.exam.files)} images, in {scene.archive.folder}")


def _on_screen(role: str) -> str:
    """A role as pages write it."""
    return role.replace("_", " ").replace("organisation", "organization")


def _explain(console: Console, scene: Stage, board: Board, failure: ProgramFailed | TooLate) -> None:
    """Name the hop that failed and show the end of the log concerned."""
    hop = board.current() or Hop.WORKS
    program: Program = scene.gateway if hop in GATEWAYS_HOPS else scene.works
    console.print(f"\ndemo: failed at: {hop.value}", markup=False)
    console.print(str(failure), markup=False, soft_wrap=True)
    told = getattr(failure, "log", "") or ""
    ends = [(f"The end of {path.name}", last_lines(path)) for path in scene.logs(program)]
    for title, text in (("It said", told), *ends):
        if text:
            console.print(f"\n{title}:\n{scene.without_secrets(text)}", markup=False, highlight=False, soft_wrap=True)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    """A polite request to end is treated as Ctrl-C, so that both programs are ended too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
