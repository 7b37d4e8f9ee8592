"""The routes by which a gateway finds out whether everything arrived, and asks for what a PACS has lost."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends

from smartlink.link import paths
from smartlink.link.reconciliation import (
    ComparedInstances,
    ComparedStudies,
    CompareInstances,
    CompareStudies,
    SendAgain,
    SendsAgain,
)
from smartlink.works.exams import reconciliation
from smartlink.works.fleet.tokens import Caller

if TYPE_CHECKING:
    from smartlink.works.api.link import LinkParts


def add_routes(router: APIRouter, parts: "LinkParts", identify: Callable[..., Caller]) -> None:
    """What a gateway asks about what it sent."""

    @router.post(paths.RECONCILE_STUDIES)
    def studies(message: CompareStudies, caller: Annotated[Caller, Depends(identify)]) -> ComparedStudies:
        """The studies of which Works holds exactly the instances that the gateway names by their digest."""
        return reconciliation.studies(parts.access, caller, message)

    @router.post(paths.RECONCILE_INSTANCES)
    def instances(message: CompareInstances, caller: Annotated[Caller, Depends(identify)]) -> ComparedInstances:
        """What Works has of each instance of a study."""
        return reconciliation.instances(parts.access, caller, message, parts.clock())

    @router.post(paths.RECONCILE_SEND_AGAIN)
    def send_again(message: SendAgain, caller: Annotated[Caller, Depends(identify)]) -> SendsAgain:
        """Deliver anew what a PACS said to have and has not."""
        return reconciliation.send_again(parts.access, caller, message.item_ids, parts.clock())
