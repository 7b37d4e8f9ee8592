"""The demo's display: one row per hop, with its time and where the exam now is.

At a terminal the table is redrawn in place; elsewhere each change is one plain line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console, RenderableType


class Hop(Enum):
    """The exam's way, in order; the value is what people read."""

    WORKS = "Works starts"
    SITE = "Organization, people and license key"
    GATEWAY = "Gateway is activated, its DICOM port opens"
    PACS = "A stand-in PACS listens; the gateway has its connection"
    EXAM = "Sample exam is drawn"
    SENT = "Ultrasound \u2192 gateway: kept on disk, then Success"
    UPLOADED = "Gateway \u2192 object storage: uploaded and confirmed"
    INGESTED = "Works has read, checked and recorded it"
    ASSIGNED = "The exam is in the physician's Drafts"
    UNASSIGNED = "A misspelt physician: the exam is in Unassigned"
    STORED = "Submitted: Works → gateway → PACS"
    CHECKED = "Checked: bytes in storage and PACS, sign-in, exam, picture"


@dataclass(slots=True)
class _Row:
    began: float
    seconds: float | None = None
    note: str = ""
    failed: bool = False


@dataclass(slots=True)
class Board:
    """What is shown. `timer` counts seconds; use it as a context manager around the whole demo."""

    console: Console
    timer: Callable[[], float]
    hops: tuple[Hop, ...] = tuple(Hop)
    _rows: dict[Hop, _Row] = field(default_factory=dict)
    _live: Live | None = None
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="yellow"))

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(get_renderable=self.table, console=self.console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def begin(self, hop: Hop, note: str = "") -> None:
        """The hop is under way; calling again only changes the note."""
        row = self._rows.setdefault(hop, _Row(self.timer()))
        changed = row.note != note
        row.note = note
        self._show(hop, row, line=changed and bool(note))

    def done(self, hop: Hop, note: str = "", *, seconds: float | None = None) -> None:
        """The hop is behind us, after the time since `begin` or after `seconds` if those are known better."""
        row = self._rows.setdefault(hop, _Row(self.timer()))
        row.seconds = self.timer() - row.began if seconds is None else seconds
        row.note = note or row.note
        self._show(hop, row, line=True)

    def fail(self, hop: Hop, note: str) -> None:
        """The hop failed."""
        row = self._rows.setdefault(hop, _Row(self.timer()))
        row.failed, row.note = True, note
        self._show(hop, row, line=True)

    def times(self) -> dict[Hop, float]:
        """Seconds that each finished hop took."""
        return {hop: row.seconds for hop, row in self._rows.items() if row.seconds is not None}

    def current(self) -> Hop | None:
        """The first hop that was begun and has not come to its end."""
        return next((hop for hop in self.hops if hop in self._rows and self._rows[hop].seconds is None), None)

    def table(self) -> Table:
        """The whole table as it stands now."""
        table = Table("", "Hop", "Time", "Where it is now", title="The way of an exam", title_justify="left")
        for hop in self.hops:
            row = self._rows.get(hop)
            table.add_row(self._sign(row), hop.value, self._clock(row), "" if row is None else escape(row.note))
        return table

    def _sign(self, row: _Row | None) -> RenderableType:
        if row is None:
            return " "
        if row.failed:
            return "[red]\u2717[/red]"
        return self._spinner if row.seconds is None else "[green]\u2713[/green]"

    def _clock(self, row: _Row | None) -> str:
        """The time it took, or the time that it is taking."""
        if row is None or row.failed or row.seconds is not None:
            return _time(row)
        return f"[dim]{self.timer() - row.began:.0f} s[/dim]"

    def _show(self, hop: Hop, row: _Row, *, line: bool) -> None:
        if self._live is not None:
            self._live.refresh()
        elif line:
            text = f"{_word(row):>6}  {_time(row):>8}  {hop.value}" + (f": {row.note}" if row.note else "")
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _word(row: _Row) -> str:
    if row.failed:
        return "FAILED"
    return "..." if row.seconds is None else "ok"


def _time(row: _Row | None) -> str:
    return "" if row is None or row.seconds is None else f"{row.seconds:.2f} s"
