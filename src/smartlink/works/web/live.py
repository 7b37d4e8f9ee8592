"""The stream that tells a page when something changed (server-sent events).

It carries no data: the page asks again for itself, with its own rights. A stream is async, holds neither a worker
thread nor a database connection, and ends when the session would; the browser then connects again and is checked.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from smartlink.works.web.asking import Parts, Visitor, idle_visitor
from smartlink.works.web.parts import WebParts

router = APIRouter()
Idle = Annotated[Visitor, Depends(idle_visitor)]
LONGEST: Final = timedelta(minutes=5)
EVERY_SECONDS: Final = 20.0  # ages and the gateway's last contact move even when nothing arrives
CHANGED: Final = b"event: exams\ndata:\n\n"


@router.get("/live")
async def live(parts: Parts, visitor: Idle) -> StreamingResponse:
    """Events `exams`, one for each change in the organisation (several at once are one) and one every 20 seconds."""
    seconds = min(LONGEST, visitor.expires_at - parts.clock()).total_seconds()
    return StreamingResponse(changes(parts, visitor, seconds), media_type="text/event-stream")


async def changes(parts: WebParts, visitor: Visitor, seconds: float) -> AsyncIterator[bytes]:
    """The stream's bytes for at most so many seconds."""
    ends = asyncio.get_running_loop().time() + seconds
    async with parts.listener.subscribe(visitor.organisation_id) as arrivals:
        yield b": listening\n\n"
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(min(EVERY_SECONDS, left)):
                    await arrivals.get()
            except TimeoutError:
                pass
            if parts.listener.released:
                return
            yield CHANGED
