"""Log lines have three levels and a constant event, and never carry what names a patient."""

import ast
from collections.abc import Iterator

from tests.habits.repository import calls, expect_none, read, sources

LEVELS = {"info", "error", "fatal"}
METHODS = LEVELS | {"debug", "warning", "warn", "exception", "critical", "msg", "log"}
PATIENT = {
    "accession_number",
    "birth_date",
    "birthdate",
    "date_of_birth",
    "mrn",
    "other_patient_ids",
    "patient",
    "patient_birth_date",
    "patient_id",
    "patient_name",
    "patient_sex",
    "performing_physician",
    "person_name",
    "raw_value",
    "study_description",
}


def problems(source: str, path: str = "") -> list[str]:
    """Each log call of a module that breaks one of the rules."""
    return [
        f"{path}:{call.lineno}: {fault}"
        for call in calls(ast.parse(source))
        if isinstance(call.func, ast.Attribute) and is_log(call.func.value) and call.func.attr in METHODS
        for fault in faults(call, call.func.attr)
    ]


def is_log(target: ast.expr) -> bool:
    """Whether an expression is a logger, by the names that loggers have here: log, _log, self.log, get_logger()."""
    if isinstance(target, ast.Call):
        name = ast.unparse(target.func).rpartition(".")[2]
        return name in {"get_logger", "getLogger"} or (name in {"bind", "new"} and is_log_method(target.func))
    name = ast.unparse(target).rpartition(".")[2].lstrip("_").lower()
    return name in {"log", "logger"}


def is_log_method(function: ast.expr) -> bool:
    """Whether a function is a method of a logger."""
    return isinstance(function, ast.Attribute) and is_log(function.value)


def faults(call: ast.Call, level: str) -> Iterator[str]:
    """What is wrong with one log call."""
    if level not in LEVELS:
        yield f"log.{level} is none of info, error and fatal"
    if not (call.args and isinstance(call.args[0], ast.Constant)):
        yield "the event is not a constant"
    for word in sorted(PATIENT & set(words(call))):
        yield f"the line carries {word}"


def words(call: ast.Call) -> Iterator[str]:
    """Every name by which a value gets into a log line: keywords, variables and attributes."""
    for keyword in call.keywords:
        if keyword.arg:
            yield keyword.arg.lower()
    for part in [*call.args, *(keyword.value for keyword in call.keywords)]:
        for node in ast.walk(part):
            if isinstance(node, ast.Name):
                yield node.id.lower()
            elif isinstance(node, ast.Attribute):
                yield node.attr.lower()


def test_log_calls_keep_the_rules() -> None:
    expect_none(problem for path in sources() for problem in problems(read(path), str(path)))


def test_a_wrong_level_is_seen() -> None:
    assert problems('log.warning("slow")') == [":1: log.warning is none of info, error and fatal"]
    assert problems('structlog.get_logger().exception("lost")') == [
        ":1: log.exception is none of info, error and fatal"
    ]


def test_an_event_that_is_put_together_is_seen() -> None:
    assert problems('self._log.info(f"stored {name}")') == [":1: the event is not a constant"]


def test_a_patient_in_a_log_line_is_seen_by_any_name() -> None:
    assert problems('log.info("stored", patient_id=1)') == [":1: the line carries patient_id"]
    assert problems('log.info("stored", who=header.patient_name)') == [":1: the line carries patient_name"]
    assert problems('log.bind(a=1).error("stored", key=str(accession_number))') == [
        ":1: the line carries accession_number"
    ]


def test_a_good_line_passes() -> None:
    assert problems('log.error("store_refused", status=status, why=reason, **message.fields)') == []
