"""A shop by FastAPI and SQLAlchemy: the refund's row and its task commit together, or neither is there.

    uvicorn --factory fastapi_shop:create_app

DATABASE_URL is that of the shop (postgresql+asyncpg://…); Holdgate has a schema of its own in the same database.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from refunds import PayRefund, pay_refund
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Refund(Base):
    __tablename__ = "shop_refunds"

    order: Mapped[str] = mapped_column(primary_key=True)
    cents: Mapped[int]
    task_id: Mapped[UUID]


def create_app(database_url: str = "") -> FastAPI:
    engine = create_async_engine(database_url or os.environ["DATABASE_URL"])

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await engine.dispose()

    async def begun() -> AsyncGenerator[AsyncSession, None]:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    app = FastAPI(title="Shop", lifespan=lifespan)

    @app.post("/orders/{order}/refund", status_code=202)
    async def refund(
        order: str, cents: int, session: Annotated[AsyncSession, Depends(begun, scope="function")]
    ) -> dict[str, str]:
        task_id = await pay_refund.enqueue(session, PayRefund(order, cents), unique=f"refund:{order}")
        if await session.get(Refund, order) is None:
            session.add(Refund(order=order, cents=cents, task_id=task_id))
        if cents > 50_000:  # the shop's own rule: with it goes the task
            raise HTTPException(409, "That is more than this shop pays back.")
        return {"task": str(task_id)}

    return app
