"""Serves an application for a test, on a free port of the loopback."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """uvicorn, which ends at once: its own way out sleeps for two tenths of a second, in each of hundreds of tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self._end = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._loop = asyncio.get_running_loop()
        self.up.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not self._end.is_set():
            await self.on_tick(ticks)
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.close()
        # Streams notice that; a request in a thread is let finish, since it holds a database connection.
        if tasks := list(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=5)
            for task in late:
                task.cancel()

    def end(self) -> None:
        """Hang up; from another thread."""
        self._loop.call_soon_threadsafe(self._end.set)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The address at which `app` is served by uvicorn, while the context lasts."""
    server = _Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.up.wait(timeout=30), "uvicorn does not start"
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.end()
        thread.join(timeout=30)
