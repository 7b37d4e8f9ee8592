"""What the mails about the fleet say: a gateway, a scanner, a disk; nothing of a patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smartlink.link.heartbeat import Disk
from smartlink.ui.preferences import Language
from smartlink.works.notify.words import Situation, Text, Words, joined, line

_GB: Final = 10**9


@dataclass(frozen=True, slots=True)
class Matter:
    """What is told: where, since when, and of which ultrasound system or disk."""

    facility: str
    time_zone: str
    now: datetime
    since: datetime | None = None
    system: str = ""
    disk: Disk | None = None
    url: str = ""


def offline(matter: Matter, language: Language) -> Text:
    """A gateway has given no sign of life for a while."""
    say = _Say(matter, language)
    _ = say.words.text.gettext
    return say.mail(
        _("SmartLink: the gateway at %(facility)s is offline"),
        _("SmartLink at %(facility)s has given no sign of life since %(at)s (%(age)s)."),
        _("Images that arrive there are kept and go on by themselves; nothing is lost."),
        _("Look whether the machine runs and reaches the internet, and run there: smartlink diagnose"),
        lasts=True,
    )


def online(matter: Matter, language: Language) -> Text:
    """It is back."""
    say = _Say(matter, language)
    _ = say.words.text.gettext
    return say.mail(
        _("SmartLink: the gateway at %(facility)s is online again"),
        _("SmartLink at %(facility)s is back. It had given no sign of life since %(at)s (%(age)s)."),
    )


def silent(matter: Matter, language: Language) -> Text:
    """An ultrasound system has not been heard of for longer than was set."""
    say = _Say(matter, language)
    _ = say.words.text.gettext
    return say.mail(
        _("SmartLink: nothing heard of %(system)s at %(facility)s"),
        _("The ultrasound system %(system)s at %(facility)s was last heard of %(at)s (%(age)s ago)."),
        _("If it is in use, look at its network and run its own connection test."),
        lasts=True,
    )


def heard(matter: Matter, language: Language) -> Text:
    """It called again."""
    say = _Say(matter, language)
    _ = say.words.text.gettext
    return say.mail(
        _("SmartLink: %(system)s at %(facility)s is heard of again"),
        _("The ultrasound system %(system)s at %(facility)s has called again. Nothing had been heard since %(at)s."),
    )


def disk_fills(matter: Matter, language: Language) -> Text:
    """The disk of a gateway has little space left, or little time."""
    say = _Say(matter, language)
    _ = say.words.text.gettext
    disk = matter.disk
    soon = disk is not None and disk.days_left is not None
    return say.mail(
        _("SmartLink: the disk of the gateway at %(facility)s fills up"),
        _("%(free)s of %(total)s are free on the disk of SmartLink at %(facility)s."),
        *([_("As the last week went, it is full in %(days)s days.")] if soon else []),
        _("When less than %(reserve)s is left, new images are refused. Nothing that has arrived is ever deleted."),
        _("Free space on that disk, or look why images do not leave: smartlink diagnose"),
        lasts=True,
    )


def disk_well(matter: Matter, language: Language) -> Text:
    """There is space again."""
    say = _Say(matter, language)
    _ = say.words.text.gettext
    return say.mail(
        _("SmartLink: the disk of the gateway at %(facility)s has space again"),
        _("%(free)s of %(total)s are free on the disk of SmartLink at %(facility)s."),
    )


class _Say:
    """One mail in its language, its places filled."""

    def __init__(self, matter: Matter, language: Language) -> None:
        self._matter = matter
        self.words = Words(Situation(matter.facility, matter.time_zone, matter.now, matter.url), language)

    def mail(self, subject: str, *sentences: str, lasts: bool = False) -> Text:
        """The mail; `lasts` says that it comes again."""
        values = self._values()
        parts: Sequence[str] = [one % values for one in sentences]
        ends = [self.words.open_works()]
        if lasts:
            ends.append(
                self.words.text.gettext("This mail comes once a day while it lasts; a last one says that it is over.")
            )
        return Text(subject % values, joined([*parts, *ends]))

    def _values(self) -> dict[str, str]:
        matter, disk = self._matter, self._matter.disk
        since = matter.since or matter.now
        values = {
            "facility": line(matter.facility),
            "system": line(matter.system),
            "at": self.words.moment(since),
            "age": self.words.age(since),
        }
        if disk is not None:
            values |= {"free": _size(disk.free), "total": _size(disk.total), "reserve": _size(disk.reserve)}
            values["days"] = f"{disk.days_left or 0:.1f}"
        return values


def _size(count: int) -> str:
    return f"{count / _GB:.1f} GB"
