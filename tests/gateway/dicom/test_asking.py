from __future__ import annotations

from dataclasses import dataclass, field, replace

from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.asking import Asking, Question
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from tests.gateway.dicom.wire import Wire, data_of

REPORT = Command(CommandField.N_EVENT_REPORT_RQ, 0, 0, "1.2", "1.2.3", data_set_type=WITH_DATA_SET, event_type_id=1)


@dataclass
class Told:
    """A Notice that writes down what became of it."""

    has_words: bool = True
    context_id: int = 1
    log: list[object] = field(default_factory=list)

    def question(self) -> Question | None:
        return Question(REPORT, b"data") if self.has_words else None

    def answered(self, status: int) -> None:
        self.log.append(status)

    def unanswered(self) -> None:
        self.log.append("unanswered")


def test_one_question_is_asked_at_a_time_each_with_its_number() -> None:
    wire = Wire().establish()
    asking = Asking(wire.acceptor)
    first, second = Told(), Told()
    asking.owe(first)
    asking.owe(second)
    heard = wire.to_requestor(asking.next())
    assert heard[0] == ul.CommandReceived(1, replace(REPORT, message_id=1))
    assert data_of(heard) == b"data"
    assert not asking.is_due
    assert asking.next() == b""
    asking.answered(replace(REPORT, message_id=1).response(0))
    assert (first.log, second.log) == ([0], [])
    assert wire.to_requestor(asking.next())[0] == ul.CommandReceived(1, replace(REPORT, message_id=2))
    asking.end()
    assert second.log == ["unanswered"]


def test_a_response_to_nothing_is_passed_over() -> None:
    wire = Wire().establish()
    asking = Asking(wire.acceptor)
    told = Told()
    asking.owe(told)
    asking.answered(replace(REPORT, message_id=0).response(0))
    asking.next()
    asking.answered(replace(REPORT, message_id=99).response(0))
    assert told.log == []


def test_a_notice_that_has_nothing_to_say_any_more_is_dropped() -> None:
    wire = Wire().establish()
    asking = Asking(wire.acceptor)
    silent = Told(has_words=False)
    asking.owe(silent)
    assert asking.next() == b""
    assert not asking.is_due
    asking.end()
    assert silent.log == []


def test_what_was_not_asked_when_the_association_ends_is_unanswered() -> None:
    asking = Asking(Wire().establish().acceptor)
    waiting = Told()
    asking.owe(waiting)
    asking.end()
    asking.end()
    assert waiting.log == ["unanswered"]
