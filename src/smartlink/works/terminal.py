"""What the commands of `works` have in common: their options, their way to the data, their way of answering."""

import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from smartlink.works.access import Site
    from smartlink.works.build import Floor
    from smartlink.works.settings import Settings

DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="WORKS_DATA", help="Folder of the deployment's key and the embedded services."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
OrganisationOption = Annotated[uuid.UUID, typer.Option("--organisation", help="The organisation's id.")]
FacilityOption = Annotated[uuid.UUID, typer.Option("--facility", help="The facility's id.")]


def now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


def settings_of(data: Path | None, *, as_json: bool) -> "Settings":
    """The settings of this deployment; what is wrong with them is told in a sentence."""
    from smartlink.works import settings
    from smartlink.works.errors import Invalid

    try:
        return settings.read(data=data)
    except Invalid as error:
        fail(str(error), as_json=as_json)


@contextmanager
def floor(data: Path | None, *, as_json: bool) -> "Iterator[Floor]":
    """Database and storage, whether or not `works run` runs; what goes wrong is told in a sentence."""
    from smartlink.works import build, log
    from smartlink.works.embedded.process import ServiceFailed
    from smartlink.works.errors import WorksError

    log.configure()
    try:
        with build.floor(settings_of(data, as_json=as_json)) as ground:
            yield ground
    except (WorksError, ServiceFailed) as error:
        fail(str(error), as_json=as_json)


@contextmanager
def site_of(data: Path | None, organisation: uuid.UUID, *, as_json: bool) -> "Iterator[Site]":
    """One transaction of an organisation."""
    with floor(data, as_json=as_json) as ground, ground.access.organisation(organisation) as site:
        yield site


def told_made(made: uuid.UUID, kind: str, name: str, *, as_json: bool) -> None:
    """Say what was made, and its id."""
    say({"id": str(made), "name": name}, f"{kind} {name}: {made}", as_json=as_json)


def say(told: dict[str, Any], words: str, *, as_json: bool) -> None:
    """Answer in words or in JSON."""
    typer.echo(json.dumps(told, ensure_ascii=False, default=str) if as_json else words)
    sys.stdout.flush()


def fail(sentence: str, *, as_json: bool) -> NoReturn:
    """End with a sentence that says what is wrong."""
    typer.echo(json.dumps({"error": sentence}, ensure_ascii=False) if as_json else sentence, err=not as_json)
    raise typer.Exit(1)
