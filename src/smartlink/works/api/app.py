"""The link as one ASGI application, and how it stands in front of the pages."""

from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from smartlink.link import paths
from smartlink.works import audit
from smartlink.works.api import problems
from smartlink.works.api.limits import Limits
from smartlink.works.api.link import LinkParts, routes

OPENAPI = "/link/openapi.json"


def create_link_api(parts: LinkParts) -> ASGIApp:
    """Everything under /link, and /health. Every error is a problem document."""
    app = FastAPI(
        title="SmartLink link",
        version=version("smartlink"),
        summary="What a SmartLink gateway and Works say to each other.",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(routes(parts))
    problems.install(app)
    return Limits(app)


def join(link: ASGIApp, pages: ASGIApp) -> ASGIApp:
    """One application: the link answers its own addresses, the pages everything else (and the start and end)."""

    async def joined(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_link = scope["type"] == "http" and (path == paths.HEALTH or path.startswith("/link/"))
        client = scope.get("client")
        audit.ADDRESS.set(client[0] if client else None)  # each call is a task with a context of its own
        await (link if is_link else pages)(scope, receive, send)

    return joined
