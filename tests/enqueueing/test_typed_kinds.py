"""Kinds as objects: payloads of every way of saying a type, checked when they are declared and when they are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from holdgate import Context, Kind, kind
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.text.typed import decode_as, read_as, schema_of
from holdgate.tasks import kinds
from holdgate.tasks.errors import PayloadMismatch
from holdgate.tasks.payloads.forms import fields_of
from holdgate.testing import KindTester
from tests.factories.programs import V1, api_of
from tests.factories.site import browser_of, site_of


class Line(BaseModel):
    cents: int = Field(gt=0)
    day: date


class Order(BaseModel):
    """By pydantic."""

    model_config = {"strict": True}

    number: str = Field(min_length=1, alias="order-number")
    lines: list[Line] = []


@dataclass
class Plain:
    number: str


class Structured(msgspec.Struct):
    number: str
    order: Order | None = None


class Signed(BaseModel):
    cents: int = Field(title="Cents to pay", ge=1)
    note: str = ""


ORDER = {"order-number": "A7", "lines": [{"cents": 5, "day": "2026-11-29"}]}


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    kept = dict(kinds._CATALOGUE)
    monkeypatch.setattr(kinds, "_CATALOGUE", kept)
    yield kept


def declared() -> Kind[Order, Signed]:
    @kind("test.order", max_attempts=1)
    async def take(ctx: Context, payload: Order) -> Signed:
        """Takes an order."""
        kept = await ctx.step("keep", keep, payload)
        show = {"Order": kept, "Lines": kept.lines}
        answer = await ctx.approval("agree", title="Take it", show=show, form=Signed, values=Signed(cents=5))
        return answer.form

    async def keep(order: Order) -> Order:
        return order

    return take


async def test_a_pydantic_model_is_payload_step_form_and_result(
    catalogue: dict[str, Any], database: Database, settings: Settings
) -> None:
    take = declared()
    async with KindTester(database, settings) as tester:
        owner = await tester.person()
        async with database.write("system") as session:
            task = await take.enqueue(session, Order.model_validate_json(msgspec.json.encode(ORDER)), owner=owner)
        assert await tester.run(task) == "pending_approval", (await tester.task(task)).error
        asked = await tester.question(task)
        assert (asked.shown["Order"], asked.form) == (ORDER, {"cents": 5, "note": ""})
        with pytest.raises(Invalid, match="missing or invalid"):
            await tester.decide(task, form={"cents": 0})
        await tester.decide(task, form={"cents": 4})
        assert await tester.finish(task) == "succeeded"
        assert take.read_result(await tester.result(task)) == Signed(cents=4)
        assert await tester.steps(task) == {"keep": ORDER}
        with pytest.raises(ValueError, match=r"test\.order.*\$\.cents"):
            take.read_result({"cents": 0})


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({**ORDER, "order-number": ""}, "at least 1 character.*`\\$.order-number`"),
        ({**ORDER, "lines": [{"cents": 0, "day": "2026-11-29"}]}, "greater than 0.*`\\$.lines\\[0\\].cents`"),
        (Plain("A7"), "is of type Plain, not Order"),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_is_written(
    catalogue: dict[str, Any], database: Database, payload: Any, said: str
) -> None:
    take = declared()
    async with database.write("system") as session:
        with pytest.raises(PayloadMismatch, match=said):
            await take.enqueue(session, payload)


def test_a_place_inside_of_another_type_is_told_whole() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"`\$\[0\]\.order\.lines\[0\]\.cents`$"):
        read_as(list[Structured], [{"number": "1", "order": {**ORDER, "lines": [{"cents": 0, "day": "2026-11-29"}]}}])
    assert decode_as(Structured, msgspec.json.encode({"number": "1", "order": ORDER})).order.lines[0].cents == 5


@pytest.mark.parametrize("payload", [Order, Structured, Plain, dict[str, int]])
def test_every_schema_stands_alone_and_gives_a_form(payload: Any) -> None:
    schema = schema_of(payload)
    text = msgspec.json.encode(schema).decode()
    definitions = schema.get("$defs", {})
    assert all(each.split('"')[0] in definitions for each in text.split('"#/$defs/')[1:])
    assert text.count('"$defs"') <= 1
    fields = {field.key for field in fields_of(schema)}
    assert fields == {"Order": {"order-number", "lines"}, "Structured": {"number", "order"}, "Plain": {"number"}}.get(
        getattr(payload, "__name__", ""), set()
    )


async def test_pages_and_the_api_offer_it(
    catalogue: dict[str, Any], settings: Settings, database: Database, redis: Redis
) -> None:
    declared()
    async with api_of(settings, database, redis) as api, site_of(settings, database, redis) as transport:
        program = await api.program()
        found = {each["name"]: each for each in (await program.get(f"{V1}/kinds")).json()["items"]}
        assert found["test.order"]["schema"]["properties"]["order-number"]["minLength"] == 1
        for payload, status in ((ORDER, 201), ({}, 422)):
            answer = await program.post(f"{V1}/tasks", json={"kind": "test.order", "payload": payload})
            assert answer.status_code == status, answer.text
        browser = browser_of(transport, await api.person("ann@example.org"))
        for path in ("/tasks/new?kind=test.order", "/schedules/new?kind=test.order", "/schedules/new"):
            page = await browser.get(path)
            assert page.status_code == 200 and "test.order" in page.text, page.text
        assert 'name="p.order-number"' in (await browser.get("/tasks/new?kind=test.order")).text
