"""Whether there is a newer SmartLink: Works is asked, the signature checked, nothing is ever installed (R124).

The deployment's key is learnt over TLS at the first check and kept; a Works that signs with another one is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from smartlink.gateway.activation import write_private
from smartlink.link import releases
from smartlink.link.assertion import AssertionRefused, load_public
from smartlink.link.releases import Release, ReleaseRefused

if TYPE_CHECKING:
    from pathlib import Path

    from smartlink.link.activation import Keys
    from smartlink.link.releases import LatestRelease

FILE: Final = "works-keys.json"


class UpdateState(StrEnum):
    """How a check ended."""

    UP_TO_DATE = "up_to_date"
    AVAILABLE = "available"


@dataclass(frozen=True, slots=True)
class Update:
    """What a person is told; `release` is the newest that Works names, None when it names none."""

    state: UpdateState
    sentence: str
    release: Release | None


class Works(Protocol):
    """What is asked of Works, without a credential."""

    def keys(self, works_url: str) -> Keys:
        """Return the deployment's public keys."""

    def latest_release(self, works_url: str) -> LatestRelease:
        """Return the newest release's signed manifest."""


def check(works: Works, works_url: str, folder: Path, version: str) -> Update:
    """Return whether a newer version than `version` is there. Raises ReleaseRefused, TryAgain and GiveUp."""
    manifest = works.latest_release(works_url).manifest
    if manifest is None:
        return Update(UpdateState.UP_TO_DATE, f"SmartLink {version}: Works offers no release yet.", None)
    release = _verified(manifest, _keys(works, works_url, folder))
    newest, ours = releases.order(release.version), releases.order(version)
    if newest > ours:
        text = f"Version {release.version} is available; this is {version}. Download it in Works: Manage connections."
        return Update(UpdateState.AVAILABLE, text, release)
    older = "" if newest == ours else f" Works offers {release.version}, which is older."
    return Update(UpdateState.UP_TO_DATE, f"SmartLink {version} is up to date.{older}", release)


def _verified(manifest: str, keys: list[str]) -> Release:
    refusal = ReleaseRefused("Works names no key that releases are signed with.")
    for text in keys:
        try:
            return releases.verify(manifest, load_public(text))
        except AssertionRefused:
            continue
        except ReleaseRefused as error:
            refusal = error
    raise refusal


def _keys(works: Works, works_url: str, folder: Path) -> list[str]:
    """The keys of this Works, kept since it was first asked."""
    path = folder / FILE
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept["works_url"] == works_url:
            return [str(one) for one in kept["keys"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never asked yet, or of another Works: its key is learnt now
    learnt = [one["x"] for one in works.keys(works_url).keys if "x" in one]
    write_private(path, json.dumps({"works_url": works_url, "keys": learnt}).encode())
    return learnt
