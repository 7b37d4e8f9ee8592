"""The commands `works releases`: which versions of SmartLink gateways are told of."""

from typing import Annotated

import typer

from smartlink.works.terminal import DataOption, JsonOption, fail, now, say, settings_of

app = typer.Typer(help="The versions of SmartLink that gateways are told of.", no_args_is_help=True)


@app.command("add", epilog="Example: works releases add 0.2.0 --note 'Faster.' --note-es 'Más rápido.'")
def add(
    version: Annotated[str, typer.Argument(help="The version, such as 0.2.0.")],
    note: Annotated[str, typer.Option(help="What is new, in English.")],
    note_es: Annotated[str, typer.Option(help="What is new, in Spanish.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the manifest of a release with the deployment's key and offer it to gateways."""
    from pydantic import ValidationError

    from smartlink.link.releases import Release
    from smartlink.works.build import deployment_key
    from smartlink.works.errors import Invalid
    from smartlink.works.fleet import releases

    notes = {"en": note} | ({"es": note_es} if note_es else {})
    folder = settings_of(data, as_json=as_json).data
    try:
        releases.add(folder, deployment_key(folder), Release(version=version, released_at=now(), notes=notes))
    except ValidationError:
        fail("Write the version as numbers with points, such as 0.2.0, and at most 4000 letters.", as_json=as_json)
    except Invalid as error:
        fail(str(error), as_json=as_json)
    say({"version": version}, f"Gateways are told of version {version}.", as_json=as_json)


@app.command("list", epilog="Example: works releases list --json")
def listing(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the releases, the newest first."""
    from smartlink.works.build import deployment_key
    from smartlink.works.errors import Invalid
    from smartlink.works.fleet import releases

    folder = settings_of(data, as_json=as_json).data
    try:
        found = releases.listing(folder, deployment_key(folder))
    except Invalid as error:
        fail(str(error), as_json=as_json)
    lines = [f"{one.version}  {one.released_at:%Y-%m-%d}  {one.notes.get('en', '')}" for one in found]
    told = {"releases": [one.model_dump(mode="json") for one in found]}
    say(told, "\n".join(lines) or "There are none.", as_json=as_json)
