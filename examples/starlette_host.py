"""Holdgate's pages and API below a path of your own application.

    BASE_URL=https://shop.example/holdgate uvicorn starlette_host:app

BASE_URL names the path, so that links, cookies and emails lead there. FastAPI: `app.mount("/holdgate", holdgate_app)`.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from holdgate.asgi import app as holdgate_app


async def home(_: Request) -> PlainTextResponse:
    return PlainTextResponse("The shop.")


app = Starlette(routes=[Route("/", home), Mount("/holdgate", holdgate_app)])
