"""The demo's display: plain lines where nobody looks at a terminal, a table where somebody does."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from smartlink.demo.board import Board, Hop


class Timer:
    """A clock that stands until it is told to go."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_each_change_is_one_plain_line() -> None:
    out, timer = StringIO(), Timer()
    with Board(Console(file=out, width=200), timer) as board:
        board.begin(Hop.WORKS)
        timer.now = 1.5
        board.done(Hop.WORKS, "http://127.0.0.1:8080")
        board.fail(Hop.SITE, "no organization")
    assert out.getvalue().splitlines() == [
        "    ok    1.50 s  Works starts: http://127.0.0.1:8080",
        "FAILED            Organization, people and license key: no organization",
    ]
    assert board.times() == {Hop.WORKS: 1.5}


def test_at_a_terminal_the_table_holds_every_hop_and_brackets_are_no_markup() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=160)
    with Board(console, Timer()) as board:
        board.done(Hop.SENT, "[4/4]", seconds=0.25)
        board.begin(Hop.UPLOADED, "1 of 4")
        board.fail(Hop.INGESTED, "it failed")
    drawn = out.getvalue()
    assert all(hop.value in drawn for hop in Hop)
    assert "[4/4]" in drawn
    assert "0.25 s" in drawn


def test_a_note_that_changes_is_told_once() -> None:
    out = StringIO()
    with Board(Console(file=out, width=200), Timer()) as board:
        for note in ("1 of 4", "1 of 4", "2 of 4"):
            board.begin(Hop.UPLOADED, note)
    assert [line.rsplit(": ", 1)[1] for line in out.getvalue().splitlines()] == ["1 of 4", "2 of 4"]
