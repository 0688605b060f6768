"""The two database sessions of a request, as dependencies: `read: Read` and `write: Write`.

A handler takes one of them. Its transaction ends after the page has been rendered and before the response starts:
a handler that raises rolls back, a commit that fails becomes the answer.
"""

from collections.abc import AsyncGenerator
from typing import TypeAlias

from litestar.di import NamedDependency

from holdgate.core.db import ReadSession, Session, WriteSession
from holdgate.web.http.request import WebRequest, principal

Read: TypeAlias = NamedDependency[ReadSession]
Write: TypeAlias = NamedDependency[WriteSession]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def provide_read(request: WebRequest) -> AsyncGenerator[ReadSession, None]:
    async with request.app.state.database.read() as session:
        request.state.session = session
        yield session


async def provide_write(request: WebRequest) -> AsyncGenerator[WriteSession, None]:
    """The transaction of a request that changes something; the event log names the signed-in person."""
    if request.method in SAFE_METHODS:
        raise RuntimeError("a GET handler asks for a write session: GET shows, POST decides")
    user = principal(request.scope)
    async with request.app.state.database.write(user.actor if user else "anonymous") as session:
        request.state.session = session
        yield session


def open_session(request: WebRequest) -> Session | None:
    """The session this request's handler already has: a second connection per request could starve the pool."""
    session: Session | None = request.state.get("session")
    return session


async def discard(request: WebRequest) -> None:
    """Undo what the request's transaction has done so far: a refusal changes nothing."""
    session = open_session(request)
    if isinstance(session, WriteSession):
        session.expunge_all()  # a rollback would forget the values of rows that the page is about to show
        await session.rollback()
        session.info.pop("topics", None)
