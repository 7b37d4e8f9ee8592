"""The routes of the way to the PACS: commands (the long poll), acknowledgement, download tickets, reports (F6).

The long poll is asynchronous: while it waits it holds neither a thread nor a database connection.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from smartlink.link import paths
from smartlink.link.commands import LONGEST_WAIT_SECONDS, Acknowledge, Acknowledged, Commands
from smartlink.link.deliveries import DeliveryReport, DeliveryReported
from smartlink.link.downloads import Downloads, DownloadsRequest
from smartlink.works.exams import orders, reports
from smartlink.works.fleet import commands
from smartlink.works.fleet.tokens import Caller

if TYPE_CHECKING:
    from smartlink.works.api.link import LinkParts

NOTHING = Commands(commands=())


def add_routes(router: APIRouter, parts: "LinkParts", identify: Callable[..., Caller]) -> None:
    """What a gateway does about exams on their way to the PACS."""

    @router.get(paths.COMMANDS)
    async def poll(
        request: Request,
        caller: Annotated[Caller, Depends(identify)],
        wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT_SECONDS)] = 0,
        again: Annotated[bool, Query()] = False,  # noqa: FBT002  FastAPI passes by name
    ) -> Commands:
        """What the gateway has to do, at once or as soon as there is something; empty after `wait` seconds.

        `again`: the gateway holds nothing, so what it has not acknowledged comes without waiting for its lease to end.
        """
        return await _poll(request, parts, caller, wait, again=again)

    @router.post(paths.COMMANDS_ACKNOWLEDGE)
    def acknowledge(message: Acknowledge, caller: Annotated[Caller, Depends(identify)]) -> Acknowledged:
        """These commands are written down at the gateway."""
        known = orders.take_acknowledgement(parts.access, caller, message.command_ids, parts.clock())
        return Acknowledged(command_ids=known)

    @router.post(paths.DOWNLOADS)
    def downloads(message: DownloadsRequest, caller: Annotated[Caller, Depends(identify)]) -> Downloads:
        """A ticket for each ordered instance, asked for just before use."""
        return parts.tickets.give(caller, message.item_ids, parts.clock())

    @router.post(paths.DELIVERIES_REPORT)
    def report(message: DeliveryReport, caller: Annotated[Caller, Depends(identify)]) -> DeliveryReported:
        """What became of ordered instances."""
        return reports.report(parts.access, caller, message.items, parts.clock())


async def _poll(request: Request, parts: "LinkParts", caller: Caller, wait: int, *, again: bool) -> Commands:
    """Look; wait to be woken; look again. A revoked gateway is woken too, and refused."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + wait
    async with parts.listener.subscribe(caller.gateway_id) as woken:
        while True:
            found = await run_in_threadpool(commands.fetch, parts.access, caller, parts.clock(), again=again)
            again = False
            left = ends - loop.time()
            if found.commands or left <= 0 or parts.listener.released:
                return found
            try:
                async with asyncio.timeout(left):
                    await woken.get()
            except TimeoutError:
                return NOTHING
            if await request.is_disconnected():  # what nobody reads must not be leased
                return NOTHING
