"""What is drawn equals what it is drawn from, and every requirement has its number."""

from pathlib import Path

from pydantic import BaseModel, Field

from scripts import draw_docs
from smartlink.gateway.delivery import SCREEN_WORDS, Event, State
from tests.habits.repository import ROOT, expect_none, read

REQUIREMENTS = Path("docs/requirements.md")
EXPECTED = [
    *(f"R{number}" for number in range(1, 15)),
    "R14b",
    *(f"R{number}" for number in range(15, 154)),
    *(f"A{number}" for number in range(1, 19)),
]


def problems(drawn: str, committed: str) -> list[str]:
    """Why a drawn document has to be drawn again: the first line that differs."""
    pairs = zip([*drawn.splitlines(), "(end)"], [*committed.splitlines(), "(end)"], strict=False)
    differing = [f"`make docs`: {there!r} should be {right!r}" for right, there in pairs if right != there]
    return differing[:1]


def unknown(proofs: list[tuple[str, str]], known: dict[str, str]) -> list[str]:
    """Each mark that names a requirement which does not exist."""
    return [f"{path} proves {number}, which is no requirement" for number, path in proofs if number not in known]


def test_the_states_are_drawn_from_the_table() -> None:
    expect_none(problems(draw_docs.both_states(), read(Path("docs/states.md"))))


def test_a_move_that_is_not_drawn_is_seen() -> None:
    drawn = "\n".join(draw_docs.states({(State.HELD, Event.RELEASED): State.WAITING}, SCREEN_WORDS))
    committed = "\n".join(draw_docs.states({}, SCREEN_WORDS))
    assert problems(drawn, committed) == ["`make docs`: '    held --> [*]' should be '    held --> waiting: released'"]


def test_the_settings_are_drawn_from_their_classes() -> None:
    expect_none(problems(draw_docs.settings(), read(Path("docs/settings.md"))))


def test_a_setting_that_is_not_drawn_is_seen() -> None:
    class Fresh(BaseModel):
        port: int = Field(default=1, description="Where it listens.")
        folder: Path = Field(default_factory=Path, description="Where it keeps things.")

    drawn = draw_docs.settings_table(Fresh, "NEW_")
    assert drawn[2:] == [
        "| `NEW_PORT` | `1` | Where it listens. |",
        "| `NEW_FOLDER` | depends on the system | Where it keeps things. |",
    ]
    assert problems("\n".join(drawn), "\n".join(drawn[:-1])) == [
        "`make docs`: '(end)' should be '| `NEW_FOLDER` | depends on the system | Where it keeps things. |'"
    ]


def test_the_traceability_is_drawn_from_the_marks() -> None:
    expect_none(problems(draw_docs.traceability(ROOT), read(Path("docs/traceability.md"))))


def test_the_requirements_are_complete_and_in_order() -> None:
    assert list(draw_docs.requirements(read(REQUIREMENTS))) == EXPECTED


def uneven(numbers: list[str], proven: set[str], not_shown: set[str]) -> list[str]:
    """Each requirement that has neither a test nor a reason, or both."""
    neither = [f"{number} has no test and no reason for it" for number in numbers if number not in proven | not_shown]
    both = [f"{number} has a test and is listed as not shown" for number in numbers if number in proven & not_shown]
    return neither + both


def test_every_requirement_has_a_test_or_a_reason() -> None:
    proven = {number for number, _ in draw_docs.proofs(ROOT)}
    expect_none(uneven(EXPECTED, proven, draw_docs.not_shown(read(REQUIREMENTS))))


def test_a_requirement_without_test_or_reason_is_seen() -> None:
    assert uneven(["R1", "R2", "A3"], {"R1", "A3"}, {"A3"}) == [
        "R2 has no test and no reason for it",
        "A3 has a test and is listed as not shown",
    ]
    assert draw_docs.not_shown(f"| R1 | x |\n{draw_docs.NOT_SHOWN}\n- why: R14b, A3") == {"R14b", "A3"}


def test_marks_name_requirements() -> None:
    expect_none(unknown(list(draw_docs.proofs(ROOT)), draw_docs.requirements(read(REQUIREMENTS))))


def test_a_mark_of_no_requirement_is_seen() -> None:
    assert unknown([("R1", "a.py"), ("R900", "b.py")], {"R1": ""}) == ["b.py proves R900, which is no requirement"]
