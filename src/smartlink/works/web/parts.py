"""What the pages are given by `build`, and the few facts of a deployment that they must know."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from smartlink.ui.pages import Pages
from smartlink.works.access import Access
from smartlink.works.blobs.store import Blobs
from smartlink.works.people.sign_in import SignIn
from smartlink.works.store.listen import Listener


@dataclass(frozen=True, slots=True)
class WebParts:
    """The parts list of the pages; `secure` is whether people reach them over https."""

    access: Access
    blobs: Blobs
    sign_in: SignIn
    listener: Listener
    clock: Callable[[], datetime]
    pages: Pages
    secure: bool
    support: str | None = None
    """The deployment's own address, which is told of every facility's failures."""
