"""Draw the documents that are made of other facts: states, settings, and which tests prove which requirement.

`python -m scripts.draw_docs` writes them; a habit test holds that what is committed equals what would be drawn.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smartlink.gateway import delivery as gateway
from smartlink.gateway.dicom import states as upper_layer
from smartlink.gateway.settings import Deployment, SmartLinkSettings
from smartlink.works.exams import delivery as works
from smartlink.works.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
REQUIREMENT = re.compile(r"^\| ([RA]\d+[a-z]?) \| ([^|]+) \|", re.MULTILINE)
NOT_SHOWN = "## Not shown by a test yet"


def main() -> None:
    """Write the documents."""
    docs = ROOT / "docs"
    (docs / "settings.md").write_text(settings(), encoding="utf-8")
    (docs / "states.md").write_text(both_states(), encoding="utf-8")
    (docs / "traceability.md").write_text(traceability(ROOT), encoding="utf-8")


def both_states() -> str:
    """The deliveries of both programs, the gateway's of one instance and Works' of one exam; and the Upper Layer."""
    return "\n".join(
        [
            "# States",
            "",
            "Drawn by `make docs` from the tables in the code; edit them there.",
            "",
            "## A delivery at the gateway",
            "",
            "From `smartlink.gateway.delivery`: one instance on its way to one destination.",
            "",
            *states(gateway.MOVES, gateway.SCREEN_WORDS),
            "",
            "## A delivery in Works",
            "",
            "From `smartlink.works.exams.delivery`: one exam on its way to one PACS.",
            "",
            *states(works.MOVES, works.SCREEN_WORDS),
            "",
            "## The DICOM Upper Layer",
            "",
            "From `smartlink.gateway.dicom.states`: PS3.8 table 9-10, both sides of an Association.",
            "",
            *upper_layer_states(),
            "",
        ]
    )


def upper_layer_states() -> list[str]:
    """The state machine of PS3.8 section 9.2 as a diagram and as its table: an action and the state after it."""
    moves = upper_layer.MOVES
    quiet = (upper_layer.Action.AA_1, upper_layer.Action.AA_6, upper_layer.Action.AA_7, upper_layer.Action.AA_8)
    arrows = [
        f"    {source.name} --> {after.name}: {event.name.replace('_', ' ').lower()} ({action.value})"
        for (event, source), (action, after) in moves.items()
        if action not in quiet
    ]
    every = list(upper_layer.State)
    return [
        "```mermaid",
        "stateDiagram-v2",
        *arrows,
        "```",
        "",
        "The diagram leaves out what a peer must not do (AA-1, AA-6, AA-7, AA-8); the table does not. AE-6 leads to",
        "Sta13 when it rejects, AR-8 to Sta10 at the acceptor. An empty cell raises `IllegalMove`.",
        "",
        row("", *(f"Sta{state.value}" for state in every)),
        "|---" * (len(every) + 1) + "|",
        row("", *(f"`{state.name}`" for state in every)),
        *(
            row(
                f"Evt{event.value} `{event.name}`",
                *(
                    f"{moves[event, state][0].value} Sta{moves[event, state][1].value}"
                    if (event, state) in moves
                    else ""
                    for state in every
                ),
            )
            for event in upper_layer.Evt
        ),
    ]


def states(moves: Mapping[tuple[S, E], S], words: Mapping[S, str]) -> list[str]:
    """A table of moves as a diagram and as the table that it is."""
    every, events = list(words), list(dict.fromkeys(event for _, event in moves))
    arrows = [f"    {source} --> {target}: {spoken(event)}" for (source, event), target in moves.items()]
    ends = [f"    {state} --> [*]" for state in every if not any(state is source for source, _ in moves)]
    return [
        "```mermaid",
        "stateDiagram-v2",
        *arrows,
        *ends,
        "```",
        "",
        "| State | On screen |",
        "|---|---|",
        *(row(f"`{state}`", words[state]) for state in every),
        "",
        "What follows when an event meets a state; an empty cell raises `IllegalMove`.",
        "",
        row("", *(spoken(event) for event in events)),
        "|---" * (len(events) + 1) + "|",
        *(row(f"`{state}`", *(cell(moves.get((state, event))) for event in events)) for state in every),
    ]


def settings() -> str:
    """Every setting of both programs, with the sentence that the settings page shows."""
    return "\n".join(
        [
            "# Settings",
            "",
            "Drawn by `make docs` from the settings classes; edit the sentences there.",
            "",
            "## SmartLink: the machine",
            "",
            "Environment of `smartlink`, given by whoever installs the machine, read once at the start.",
            "",
            *settings_table(Deployment, "SMARTLINK_"),
            "",
            "## SmartLink: the facility",
            "",
            "Kept in the data folder and changed by `smartlink settings NAME=VALUE`; a running service follows at",
            "once. A name that is not in this list is refused.",
            "",
            *settings_table(SmartLinkSettings),
            "",
            "## Works",
            "",
            "Environment of `works`, read once at the start.",
            "",
            *settings_table(Settings, "WORKS_"),
            "",
        ]
    )


def settings_table(model: type[BaseModel], prefix: str = "") -> list[str]:
    """One line for each setting of a class; with a prefix they are named as the environment has them."""
    names = {name: f"{prefix}{name}".upper() if prefix else name for name in model.model_fields}
    rows = [
        row(f"`{names[name]}`", initial(field), field.description or "") for name, field in model.model_fields.items()
    ]
    return ["| Setting | Unless set | What it is |", "|---|---|---|", *rows]


def initial(field: FieldInfo) -> str:
    """The value of a setting that nobody set, as a person would write it."""
    if field.default_factory is not None:
        return "depends on the system"
    return "none" if field.default in (None, ()) else f"`{field.default}`"


def row(*cells: str) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def spoken(word: StrEnum) -> str:
    """A word of the table as a person says it."""
    return word.replace("_", " ")


def cell(state: StrEnum | None) -> str:
    """One cell of the table of moves."""
    return "" if state is None else f"`{state}`"


def requirements(text: str) -> dict[str, str]:
    """Number and title of each requirement in the text of docs/requirements.md, in its order."""
    return dict(REQUIREMENT.findall(text))


def not_shown(text: str) -> set[str]:
    """The numbers that docs/requirements.md lists as not shown by a test yet."""
    return set(re.findall(r"\b[RA]\d+b?\b", text.partition(NOT_SHOWN)[2]))


def proofs(root: Path) -> Iterator[tuple[str, str]]:
    """Each (requirement, test file) that a `proves` mark below `root`/tests connects."""
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.proves"):
                for argument in node.args:
                    yield ast.literal_eval(argument), path.relative_to(root).as_posix()


def traceability(root: Path) -> str:
    """Which test files prove which requirement; a requirement without a test has an empty cell."""
    titles = requirements((root / "docs" / "requirements.md").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {number: set() for number in titles}
    for number, path in proofs(root):
        found.setdefault(number, set()).add(path)
    rows = [
        row(number, titles.get(number, ""), "<br>".join(f"`{path}`" for path in sorted(paths)))
        for number, paths in found.items()
    ]
    proven = sum(bool(paths) for paths in found.values())
    return "\n".join(
        [
            "# Which tests prove which requirement",
            "",
            "Drawn by `make docs` from [requirements.md](requirements.md) and the tests' marks",
            f'`@pytest.mark.proves("R87")`. {proven} of {len(found)} have a test.',
            "",
            "| Number | Requirement | Proven in |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
