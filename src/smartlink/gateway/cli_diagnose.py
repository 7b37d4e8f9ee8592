"""The commands `smartlink diagnose`, `journey` and `test-exam`: what is wrong, and where an exam is.

Imports stand inside the commands, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smartlink.gateway.terminal import (
    DataOption,
    JsonOption,
    catalogue,
    deployment_of,
    fail,
    logged,
    now,
    print_json,
    print_table,
    shown,
)

if TYPE_CHECKING:
    from smartlink.gateway.diagnostics import Result
    from smartlink.gateway.settings import Deployment

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_LONGEST_UID: Final = 64
_MARKS: Final = {"ok": "ok", "warning": "WARNING", "failed": "FAILED", "skipped": "-"}


@app.command(
    short_help="Look for what is wrong.",
    epilog="Examples: smartlink diagnose; smartlink diagnose --json; smartlink diagnose --data /var/lib/smartlink",
)
def diagnose(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check service, port, disk, clock, Works, storage, every PACS and more; say what is wrong and what to do.

    Nothing is changed and the service is not disturbed. Ends with 0 when all is well, with 3 when there are
    warnings, with 1 when a check failed.
    """
    from smartlink.gateway.diagnostics import EXIT_CODES, worst

    deployment = deployment_of(data)
    if not deployment.data.is_dir():
        fail(f"There is no data folder {deployment.data}. Name the right one with --data.", as_json=as_json)
    results = _diagnosed(deployment, as_json=as_json)
    state = worst(results)
    if as_json:
        print_json({"state": state.value, "at": now(), "checks": [told(one) for one in results]})
    else:
        _print(results)
    raise typer.Exit(EXIT_CODES[state])


@app.command(
    short_help="Show where an exam is.",
    epilog="Examples: smartlink journey 1.2.840.113619.2.55; smartlink journey EXAM --json",
)
def journey(
    exam: Annotated[str, typer.Argument(metavar="EXAM", help="Study Instance UID, or the exam's id at Works.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show when each image of an exam passed each hop, what is missing and why. Nothing of the patient is shown."""
    from smartlink.gateway import toolbox

    if not 1 <= len(exam) <= _LONGEST_UID:
        raise typer.BadParameter("A UID has at most 64 characters.", param_hint="EXAM")
    with catalogue(data, as_json=as_json) as (deployment, database), logged(deployment):
        found = toolbox.journey(deployment, database, now, exam)
    if not found["known"]:
        fail("\n".join(["Nothing is known of this exam.", *found["missing"]]), as_json=as_json)
    if as_json:
        print_json(found)
    else:
        _print_journey(found)


def _print_journey(found: dict[str, Any]) -> None:
    from smartlink.gateway.exam_journey import HOPS

    hops = [f"{hop}_at" for hop in HOPS]
    rows = [[str(number), *(shown(one[hop]) for hop in hops)] for number, one in enumerate(found["instances"], 1)]
    print_table(["image", *HOPS], rows)
    if (exam := found["exam"]) is not None:
        where = f"{exam['folder']}{' of ' + exam['owner'] if exam['owner'] else ''} since {exam['assigned_at']}"
        typer.echo(f"In Works: {where}; submitted: {exam['submitted_at'] or 'no'}")
    columns = ["pacs", "ordered_at", "downloaded_at", "answered_at", "status", "state"]
    if found["to_pacs"]:
        print_table(columns, [[shown(one[column]) for column in columns] for one in found["to_pacs"]])
    for sentence in found["missing"] or ["Nothing is missing."]:
        typer.echo(sentence)


@app.command(
    "test-exam",
    short_help="Send a test exam and follow it into Works.",
    epilog="Examples: smartlink test-exam; smartlink test-exam --images 5 --wait 60 --json",
)
def synthetic_exam(
    images: Annotated[int, typer.Option("--images", min=1, max=20, help="How many images it has.")] = 2,
    wait: Annotated[int, typer.Option("--wait", min=1, max=3600, help="Seconds until Works must have it.")] = 120,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a small exam of nobody, send it to this gateway's own port and report each hop until Works has it.

    It goes the way of every exam, but to no PACS, and is removed again on both sides. Ends with 1 when it did not
    arrive.
    """
    from datetime import timedelta

    from smartlink.gateway import toolbox
    from smartlink.gateway.errors import Refused

    with catalogue(data, as_json=as_json) as (deployment, database), logged(deployment):
        try:
            told = toolbox.synthetic_exam(deployment, database, now, images, timedelta(seconds=wait)).told()
        except Refused as refusal:
            fail(str(refusal), as_json=as_json)
    if as_json:
        print_json(told)
    else:
        _print_test_exam(told)
    raise typer.Exit(0 if told["arrived"] else 1)


def _print_test_exam(told: dict[str, Any]) -> None:
    rows = [[str(one["image"]), shown(one["answered_at"]), one["status"]] for one in told["sent"]]
    print_table(["image", "answered", "status"], rows)
    print_table(["hop", "seconds"], [[hop.removesuffix("_at"), shown(took)] for hop, took in told["seconds"].items()])
    if told["arrived"]:
        where = told["exam"]["folder"]
        typer.echo(f"Works has it, in {where}. {'It is removed again.' if told['cleaned_up'] else ''}".rstrip())
    else:
        typer.echo(f"{told['problem']} {told['remedy'] or ''}".rstrip())
    for sentence in told["left"]:
        typer.echo(sentence)


def _diagnosed(deployment: Deployment, *, as_json: bool) -> list[Result]:
    """Make all checks; a catalogue that cannot be opened is what is wrong, and says what to do."""
    from smartlink.gateway import diagnostics, toolbox
    from smartlink.gateway.errors import StoreFailed
    from smartlink.gateway.store.database import open_in

    try:
        with (
            logged(deployment),
            open_in(deployment.data) as database,
            toolbox.diagnosis(deployment, database, now) as checks,
        ):
            return diagnostics.run(checks)
    except (StoreFailed, OSError) as error:
        fail(str(error), as_json=as_json)


def told(one: Result) -> dict[str, Any]:
    """Return a check and what it found, for programs."""
    return {
        "check": one.check.name,
        "about": one.check.about or None,
        "title": one.check.title,
        "state": one.finding.state.value,
        "value": one.finding.value,
        "cause": one.finding.cause or None,
        "remedy": one.finding.remedy or None,
        "milliseconds": one.milliseconds,
    }


def _print(results: list[Result]) -> None:
    rows = []
    for one in results:
        found = one.finding
        what = " ".join(part for part in (found.cause, found.remedy) if part)
        name = f"{one.check.name} {one.check.about}".strip()
        rows.append([name, _MARKS[found.state.value], "\n".join(part for part in (found.value, what) if part)])
    print_table(["check", "", "found"], rows)
