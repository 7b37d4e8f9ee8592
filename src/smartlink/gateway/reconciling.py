"""What a comparison of both ends may find, in words for a person: values and rules, nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from smartlink.link.connections import Kind
from smartlink.link.reconciliation import Holding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

MOST_LISTED: Final = 1_000
"""Differences that a report names one by one; the counts tell of all."""


class Finding(StrEnum):
    """What becomes of one image between its scanner and Works, or between Works and a PACS."""

    THERE = "there"
    ON_THE_WAY = "on_the_way"
    NEEDS_ATTENTION = "needs_attention"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    DELETED = "deleted"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """The other side could not be asked."""


DIFFERENCES: Final = frozenset({Finding.NEEDS_ATTENTION, Finding.UNREADABLE, Finding.FAILED, Finding.MISSING})
"""What somebody has to do something about."""

FINDING_OF: Final[Mapping[Holding, Finding]] = {
    Holding.HELD: Finding.THERE,
    Holding.ON_THE_WAY: Finding.ON_THE_WAY,
    Holding.FAILED: Finding.FAILED,
    Holding.DELETED: Finding.DELETED,
    Holding.MISSING: Finding.MISSING,
}
"""What Works says of an image that we sent."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One image that is not where it should be. `again`: it is sent again, or can be (None: it was not asked for)."""

    study_instance_uid: str
    sop_instance_uid: str
    finding: Finding
    again: bool | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one connection.

    `problem` says why the other side could not be asked, and nothing is known; or where something is, why not all that
    is missing is sent again.
    """

    at: datetime
    since: datetime
    connection_id: UUID
    name: str
    ae_title: str
    kind: Kind
    counts: dict[Finding, int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    again: int = 0
    """How many images are sent again, named one by one or not."""
    not_again: int = 0
    """How many were to be, and cannot be."""
    problem: str | None = None

    @property
    def total(self) -> int:
        """How many images were compared, or would have been."""
        return sum(self.counts.values())

    @property
    def sentence(self) -> str:
        """The report for a person."""
        return sentence(self)

    def as_json(self) -> dict[str, Any]:
        """The report for programs, and as it is kept."""
        return asdict(self) | {"sentence": self.sentence, "total": self.total}


def counted(
    report: Report,
    found: Iterable[tuple[str, str, Finding]],
    again: Mapping[tuple[str, str], bool] = MappingProxyType({}),
) -> Report:
    """Return the report with these images (study, instance, finding) counted, and the differences named.

    `again`: of which (study, instance) it is known whether they are sent again.
    """
    counts = dict.fromkeys(Finding, 0)
    named: list[Difference] = []
    for study, instance, finding in found:
        counts[finding] += 1
        if finding in DIFFERENCES and len(named) < MOST_LISTED:
            named.append(Difference(study, instance, finding, again.get((study, instance))))
    sent_again = sum(again.values())
    return replace(
        report,
        counts={finding: count for finding, count in counts.items() if count},
        differences=tuple(named),
        again=sent_again,
        not_again=len(again) - sent_again,
    )


_TO_WORKS: Final[Mapping[Finding, str]] = {
    Finding.ON_THE_WAY: "{n} on their way to Works",
    Finding.NEEDS_ATTENTION: "{n} need attention: see smartlink queue --state parked",
    Finding.UNREADABLE: "{n} unreadable: they are kept and never uploaded",
    Finding.FAILED: "{n} stored in Works but in no exam: see the exam's journey in Works",
    Finding.DELETED: "{n} deleted in Works by a person",
    Finding.MISSING: "{n} missing in Works",
}
_TO_PACS: Final[Mapping[Finding, str]] = {
    Finding.ON_THE_WAY: "{n} on their way again",
    Finding.MISSING: "{n} missing in the PACS, which said that it had them",
}


def sentence(report: Report) -> str:
    """Return what was found in plain words."""
    ultrasound = report.kind is Kind.ULTRASOUND
    told = f"{report.name} ({report.ae_title}): {report.total} images {'received' if ultrasound else 'sent'}"
    if Finding.UNKNOWN in report.counts:
        return f"{told}; what became of them is not known: {report.problem}"
    there = report.counts.get(Finding.THERE, 0)
    where = "Works has" if ultrasound else "the PACS has"
    if there == report.total:
        return f"{told}, and {where} all of them."
    words = _TO_WORKS if ultrasound else _TO_PACS
    rest = [words[one].format(n=report.counts[one]) for one in words if report.counts.get(one)]
    tail = f" {report.again} are sent again." if report.again else ""
    tail += f" {report.not_again} cannot be sent again from here." if report.not_again else ""
    tail += f" Works could not be asked to send all of them again: {report.problem}" if report.problem else ""
    return f"{told}, {where} {there} of them; {'; '.join(rest)}.{tail}"
