"""The Conformance Statement says what the code answers, and everything that it answers."""

import ast
from collections.abc import Iterator
from pathlib import Path

from scripts import draw_conformance
from smartlink.gateway.dicom import commitment_scp, negotiation, storage_scp, verification_scp, worklist_scu
from smartlink.gateway.settings import SmartLinkSettings
from smartlink.standard import reject
from smartlink.standard.status import Status
from tests.habits.repository import ROOT, expect_none, read
from tests.habits.test_docs import problems

GATEWAY = ROOT / "src" / "smartlink" / "gateway"
ANSWERING = [GATEWAY / name for name in ("intake.py", "catalogue.py", "commitments.py")] + sorted(
    (GATEWAY / "dicom").glob("*.py")
)
TABLES = (
    negotiation.NOT_AGREED,
    verification_scp.STATUSES,
    storage_scp.STATUSES,
    commitment_scp.STATUSES,
    commitment_scp.FAILURE_REASONS,
    worklist_scu.STATUSES,
)


def named(source: str, owner: str) -> Iterator[str]:
    """Each NAME in the source that stands as `owner.NAME`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner:
            yield node.attr


def unsaid(source: str) -> list[str]:
    """Each status that the source answers and the statement does not have."""
    said = {one.name for table in TABLES for one in table}
    return sorted({name for name in named(source, "Status") if name in Status.__members__} - said)


def test_the_statement_is_drawn_from_the_code() -> None:
    committed = read(draw_conformance.FILE.relative_to(ROOT))
    expect_none(problems(draw_conformance.statement(), committed))


def test_every_status_that_is_answered_is_in_the_statement() -> None:
    expect_none([f"{path.name}: {name}" for path in ANSWERING for name in unsaid(path.read_text("utf-8"))])
    drawn = draw_conformance.statement()
    assert all(f"`{one.shown}`" in drawn for table in TABLES for one in table)


def test_a_status_that_is_not_in_the_statement_is_seen() -> None:
    assert unsaid("answer(Status.MISTYPED_ARGUMENT, Status.SUCCESS)") == ["MISTYPED_ARGUMENT"]


def test_every_rejection_that_is_answered_is_in_the_statement() -> None:
    known = {name: value for name, value in vars(reject).items() if isinstance(value, reject.Rejection)}
    used = {
        node.id if isinstance(node, ast.Name) else node.attr
        for path in ANSWERING
        if path.name != "requestor.py"  # that one reads them
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name | ast.Attribute)
    }
    assert {known[name] for name in used & known.keys()} == set(negotiation.REJECTIONS)


def test_the_settings_that_it_names_exist() -> None:
    assert set(draw_conformance.SETTINGS) <= SmartLinkSettings.model_fields.keys()


def test_prose_is_filled_and_tables_are_not() -> None:
    wide = "word " * 60
    assert max(map(len, draw_conformance.filled([wide, "", f"| {wide} |"])[:-1])) <= draw_conformance.WIDTH
    assert draw_conformance.filled(["## Head", "", f"| {wide} |"])[-1] == f"| {wide} |"


def test_the_readme_leads_to_it() -> None:
    assert "docs/conformance/gateway.md" in read(Path("README.md"))
