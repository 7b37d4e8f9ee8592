"""The running program: serves pages and gateways, works off jobs, ends in good order when told to.

This is the one place besides the command line that asks the real clock.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

import structlog
import uvicorn

from smartlink.works import build
from smartlink.works.settings import Settings
from smartlink.works.store.listen import Listener

log = structlog.get_logger()

DRAIN_SECONDS = 10
_WATCH_SECONDS = 0.5
_MOST_CONNECTIONS_WAITING = 512


def now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


def run(settings: Settings, ready: Callable[[], None], *, web: bool = True, work: bool = True) -> int:
    """Serve and work until SIGTERM or SIGINT; 0 after an orderly end, 1 when something died."""
    stop = threading.Event()

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    with build.floor(settings) as ground:
        worker = build.worker(settings, ground, now) if work else None
        if worker is not None:
            worker.start()
        try:
            if web:
                with _serving(settings, ground) as server:
                    ready()
                    log.info("works_started", url=settings.url)
                    alive = _watch(stop, lambda: not server.should_exit and (worker is None or worker.alive))
            else:
                ready()
                alive = _watch(stop, lambda: worker is None or worker.alive)
        finally:
            if worker is not None:
                worker.close()
    log.info("works_ended", orderly=alive)
    return 0 if alive else 1


def _watch(stop: threading.Event, alive: Callable[[], bool]) -> bool:
    """Wait until told to stop, or until a part dies; whether all lived to the end."""
    while not stop.wait(_WATCH_SECONDS):
        if not alive():
            log.fatal("part_died", action="Works ends so that whoever supervises it starts it anew.")
            return False
    return True


@contextmanager
def _serving(settings: Settings, ground: build.Floor) -> Iterator[uvicorn.Server]:
    """The web server, answering while the context lasts. Raises OSError when the port cannot be had."""
    listener = Listener(ground.application_url)
    configuration = uvicorn.Config(
        build.application(settings, ground, listener, now),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    bound = _bound(settings.host, settings.port)
    server = uvicorn.Server(configuration)
    listener.start()
    thread = threading.Thread(target=_serve, args=(server, bound), name="web", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        listener.release()  # streams and long polls end now, not when their time is up
        thread.join(DRAIN_SECONDS + 5)
        listener.close()
        bound.close()


def _serve(server: uvicorn.Server, bound: socket.socket) -> None:
    """Serve in this thread; when it ends by itself, say so through `should_exit`."""
    try:
        server.run(sockets=[bound])
    except Exception as error:  # noqa: BLE001 - the top of the web thread
        log.fatal("web_failed", error=type(error).__name__)
    finally:
        server.should_exit = True


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.listen(_MOST_CONNECTIONS_WAITING)
    return bound
