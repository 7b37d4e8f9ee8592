"""The releases that this deployment offers: signed manifests, in a file beside the key that signed them.

They belong to the deployment, not to an organisation, and hold what their signature proves, so they need no database.
"""

import json
import os
from pathlib import Path
from typing import Final

from joserfc.jwk import OKPKey

from smartlink.link import releases
from smartlink.link.releases import Release
from smartlink.works.errors import Invalid

FILE: Final = "releases.json"


def add(folder: Path, key: OKPKey, release: Release) -> None:
    """Sign a release and offer it. Raises Invalid when this version is offered already."""
    known = manifests(folder)
    if any(releases.order(one.version) == releases.order(release.version) for one in listing(folder, key)):
        message = f"Version {release.version} is offered already."
        raise Invalid(message)
    path = folder / FILE
    fresh = folder / f".{FILE}.{os.getpid()}"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump([*known, releases.sign(key, release)], file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def listing(folder: Path, key: OKPKey) -> list[Release]:
    """All releases, the newest first. Raises Invalid when a manifest is not of this deployment."""
    try:
        found = [releases.verify(one, key) for one in manifests(folder)]
    except releases.ReleaseRefused as error:
        message = f"{folder / FILE} holds a manifest that is not ours: {error}"
        raise Invalid(message) from error
    return sorted(found, key=lambda one: releases.order(one.version), reverse=True)


def latest(folder: Path, key: OKPKey) -> str | None:
    """The manifest of the newest release, signed; None when there is none."""
    found = listing(folder, key)
    return releases.sign(key, found[0]) if found else None


def manifests(folder: Path) -> list[str]:
    """The signed manifests as they are in the file. Raises Invalid when it cannot be read."""
    path = folder / FILE
    try:
        return [str(one) for one in json.loads(path.read_text("utf-8"))] if path.exists() else []
    except (ValueError, TypeError) as error:
        message = f"{path} cannot be read: it is no list of manifests."
        raise Invalid(message) from error
