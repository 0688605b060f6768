"""What another system does with Holdgate's webhooks: verify, remember, answer, and only then work.

    uvicorn webhook_receiver:app --port 8010

WEBHOOK_SECRET is shown once, when the address is added at Settings → Webhooks. It needs the extra `client` alone.
"""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdgate import WebhookMessage, WebhookRefused, verify_webhook

SEEN: dict[str, WebhookMessage] = {}  # in a real system a table, with the id as its key


async def receive(request: Request) -> Response:
    try:
        message = verify_webhook(await request.body(), request.headers, os.environ["WEBHOOK_SECRET"])
    except WebhookRefused as refused:
        return Response(str(refused), 401)
    if message.id not in SEEN:  # the same message may come twice
        SEEN[message.id] = message
    return Response(status_code=204)  # what takes long is done afterwards


app = Starlette(routes=[Route("/holdgate", receive, methods=["POST"])])
