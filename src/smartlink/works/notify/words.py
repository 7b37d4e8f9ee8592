"""What the mails say: counts, times, names of systems and a cause; never anything of a patient (R113)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from babel.support import NullTranslations

from smartlink.link.failures import FailureKind
from smartlink.ui import moments, translations
from smartlink.ui.preferences import Language

_STALE: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Failing:
    """One failure that lasts, with the name of the system by which people know it."""

    kind: FailureKind
    system: str
    count: int
    since: datetime
    oldest_at: datetime | None
    cause: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What a facility is told. `heard_at` is when its gateway last said so, `begun_at` since when people know."""

    facility: str
    time_zone: str
    now: datetime
    url: str = ""
    failing: Sequence[Failing] = ()
    hours: int = 4
    heard_at: datetime | None = None
    begun_at: datetime | None = None
    outbox: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A mail's subject and body."""

    subject: str
    body: str


def digest(situation: Situation, language: Language) -> Text:
    """What fails at the facility and goes on failing."""
    say = Words(situation, language)
    _ = say.text.gettext
    count = len(situation.failing)
    subject = say.text.ngettext(
        "SmartLink: a transfer fails at %(facility)s", "SmartLink: %(count)d transfers fail at %(facility)s", count
    ) % {"facility": line(situation.facility), "count": count}
    parts = [
        _("Transfers at %(facility)s fail and are tried again. Nothing is lost.")
        % {"facility": line(situation.facility)},
        *(say.failure(one) for one in situation.failing),
        *say.silence(),
        *say.outbox(),
        say.open_works(),
        say.text.ngettext(
            "This mail comes every hour while transfers fail; a last one says that they work again.",
            "This mail comes every %(hours)d hours while transfers fail; a last one says that they work again.",
            situation.hours,
        )
        % {"hours": situation.hours},
    ]
    return Text(subject, joined(parts))


def recovered(situation: Situation, language: Language) -> Text:
    """Nothing fails at the facility any more; what moved to the Outbox is named, because nobody tries it any more."""
    say = Words(situation, language)
    _ = say.text.gettext
    named = {"facility": line(situation.facility)}
    if situation.outbox:
        subject = _("SmartLink: transfers at %(facility)s are no longer tried; see the Outbox") % named
        first = _("No transfer at %(facility)s is being tried again any more.") % named
    else:
        subject = _("SmartLink: transfers at %(facility)s work again") % named
        first = _("All transfers at %(facility)s work again.") % named
    parts = [first, *say.lasted(), *say.outbox(), say.open_works()]
    return Text(subject, joined(parts))


def trial(url: str, language: Language) -> Text:
    """A mail that shows that mails arrive."""
    _ = translations.load(language).gettext
    return Text(_("SmartLink: test mail"), joined([_("Mails of Works arrive at this address."), url]))


class Words:
    """The sentences of one mail, in its language and in the facility's time."""

    def __init__(self, situation: Situation, language: Language) -> None:
        self.text: NullTranslations = translations.load(language)
        self._situation = situation
        self._language = language
        self._zone = moments.zone(situation.time_zone)

    def failure(self, one: Failing) -> str:
        """One failure in four lines."""
        _ = self.text.gettext
        titles = {
            FailureKind.UPLOAD: _("Upload to Works"),
            FailureKind.DOWNLOAD: _("Download from Works"),
            FailureKind.STORE: _("Store to PACS"),
        }
        title = titles[one.kind] + (f": {line(one.system)}" if one.system else "")
        lines = [
            title,
            "  "
            + self.text.ngettext("%(count)d image waits", "%(count)d images wait", one.count) % {"count": one.count},
            "  " + _("Failing since %(at)s (%(age)s)") % {"at": self.moment(one.since), "age": self.age(one.since)},
        ]
        if one.oldest_at is not None:
            at = {"at": self.moment(one.oldest_at), "age": self.age(one.oldest_at)}
            lines.append("  " + _("The oldest image arrived %(at)s (%(age)s ago)") % at)
        if one.cause:
            lines.append("  " + _("Cause: %(cause)s") % {"cause": line(one.cause)})
        return "\n".join(lines)

    def silence(self) -> Iterator[str]:
        """That the gateway itself has said nothing for a while."""
        heard = self._situation.heard_at
        if heard is not None and self._situation.now - heard > _STALE:
            yield self.text.gettext("This is what SmartLink last said, %(at)s.") % {"at": self.moment(heard)}

    def outbox(self) -> Iterator[str]:
        """How much waits for a person."""
        count = self._situation.outbox
        if count:
            yield (
                self.text.ngettext(
                    "%(count)d exam could not be sent in time and is in the Outbox: send it from there by hand once"
                    " the PACS works.",
                    "%(count)d exams could not be sent in time and are in the Outbox: send them from there by hand"
                    " once the PACS works.",
                    count,
                )
                % {"count": count}
            )

    def lasted(self) -> Iterator[str]:
        """Since when people knew of it."""
        begun = self._situation.begun_at
        if begun is not None:
            at = {"at": self.moment(begun), "age": self.age(begun)}
            yield self.text.gettext("The first mail about it came %(at)s (%(age)s ago).") % at

    def open_works(self) -> str:
        """Where to look."""
        return self.text.gettext("Open Works: %(url)s") % {"url": self._situation.url}

    def moment(self, at: datetime) -> str:
        """`24 Nov 2026, 09:14`, in the facility's time."""
        local = at.astimezone(self._zone)
        return f"{moments.day(local.date(), self._language)}, {local:%H:%M}"

    def age(self, since: datetime) -> str:
        """The two largest parts of an age: `3 d 2 h`, `5 min`."""
        days, hours, minutes, _seconds = moments.age_parts(self._situation.now - since)
        if days:
            return f"{days} d {hours} h"
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def line(text: str) -> str:
    """The text on one line: nothing that a gateway or a name says can begin a line of its own."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def joined(parts: Sequence[str]) -> str:
    """The paragraphs of a mail."""
    return "\n\n".join(parts) + "\n"
