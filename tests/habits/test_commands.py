"""Every command and every parameter of both command lines has help."""

import importlib
from collections.abc import Iterator
from typing import Annotated

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from tests.habits.repository import expect_none


def problems(app: typer.Typer) -> list[str]:
    """Each command or parameter that a person could not learn about from `--help`."""
    return list(_problems(get_command(app), ""))


def _problems(command: object, path: str) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _problems(inner, f"{path} {name}".strip())
    elif isinstance(command, TyperCommand):
        if not command.help:
            yield f"{path}: no help"
        for parameter in command.params:
            if isinstance(parameter, (TyperArgument, TyperOption)) and not parameter.help:
                yield f"{path}: {parameter.name} has no help"


@pytest.mark.parametrize("program", ["gateway", "works"])
def test_every_command_has_help(program: str) -> None:
    app = importlib.import_module(f"smartlink.{program}.cli").app
    expect_none(problems(app))


def test_a_silent_command_and_a_silent_option_are_seen() -> None:
    app = typer.Typer()

    @app.command()
    def silent() -> None: ...

    @app.command()
    def told(
        count: int = 1,
        name: Annotated[str, typer.Option(help="Whom to greet.")] = "",
    ) -> None:
        """Greet."""

    assert problems(app) == ["silent: no help", "told: count has no help"]
