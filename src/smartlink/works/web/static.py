"""The consoles' styles, scripts and icons: the only answers that a browser may keep."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from smartlink.works.errors import NotFound
from smartlink.works.web.asking import Parts

router = APIRouter()


@router.get("/static/{name}")
def static(request: Request, parts: Parts, name: str) -> Response:
    """The file of that name, compressed when the browser takes it."""
    asset = parts.pages.assets.find(name)
    if asset is None:
        raise NotFound
    body, headers = asset.answer(request.headers.get("accept-encoding", ""))
    return Response(body, headers=headers)
