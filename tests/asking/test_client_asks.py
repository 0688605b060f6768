"""Clients that ask people, and `@requires_approval`, against a real installation."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import msgspec
import pytest

from holdgate import AlreadyUsed, Approved, AsyncClient, Client, NotApproved, Problem, requires_approval
from tests.asking.conftest import Desk


@dataclass
class Amount:
    cents: Annotated[int, msgspec.Meta(gt=0, le=100_000)]
    note: str = ""


async def test_a_form_is_asked_for_by_its_type_and_read_back_as_one(desk: Desk) -> None:
    with Client(desk.url, desk.token) as hold:
        deciding = desk.will_decide(cents=900)
        decision = await asyncio.to_thread(
            hold.ask,
            "How much?",
            to=desk.approver,
            show={"Order": "A7"},
            form=Amount,
            values=Amount(1250, "as promised"),
            ttl=timedelta(minutes=5),
            metadata={"order": "A7"},
        )
        assert deciding.result().shown == {"Order": "A7"}
        assert decision.approved and decision.by == desk.approver and decision.at is not None
        assert decision.read_form(Amount) == Amount(900, "as promised")
        assert decision.metadata == {"order": "A7"}
        file = hold.receipt(decision.id)
    assert msgspec.json.decode(file) == decision.receipt


async def test_a_refusal_comes_back_with_its_reason(desk: Desk) -> None:
    async with AsyncClient(desk.url, desk.token) as hold:
        made = await hold.create_approval("Deploy", to=[desk.approver])
        with pytest.raises(TimeoutError, match="still open"):
            await hold.wait(made, 0)
        desk.will_decide("reject", reason="Not on a Friday.")
        decision = await hold.wait(made)
        assert (decision.state, decision.reason, decision.approved) == ("rejected", "Not on a Friday.", False)


async def test_a_request_can_be_cancelled_and_then_has_ended(desk: Desk) -> None:
    async with AsyncClient(desk.url, desk.token) as hold:
        made = await hold.create_approval("Deploy", to=[desk.approver])
        waiting = asyncio.create_task(hold.wait(made))
        await hold.cancel_approval(made.id)
        decision = await waiting
        assert (decision.state, decision.pending, decision.approved) == ("cancelled", False, False)
        with pytest.raises(Problem, match="409"):
            await hold.cancel_approval(made.id)


RAN: list[str] = []


def guarded(desk: Desk, hold: Client) -> Callable[[str], Approved[str]]:
    @requires_approval("Refund {cents} cents of {order}", to=desk.approver, client=hold)
    def refund(order: str, cents: int = 5) -> str:
        RAN.append(order)
        return f"T-{order}"

    return refund


async def test_a_guarded_function_runs_once_in_whatever_process_it_is_called(desk: Desk) -> None:
    with Client(desk.url, desk.token) as hold, Client(desk.url, desk.token) as another:
        one, two = guarded(desk, hold), guarded(desk, another)
        calls = [asyncio.to_thread(each, desk.approver) for each in (one, two)]
        asked = desk.will_decide()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert asked.result().title == f"Refund 5 cents of {desk.approver}"
        assert asked.result().shown == {"order": desk.approver, "cents": 5}
        [ran] = [each for each in done if not isinstance(each, BaseException)]
        [late] = [each for each in done if isinstance(each, BaseException)]
        assert isinstance(late, AlreadyUsed)
        assert ran.value == f"T-{desk.approver}" and ran.receipt["receipt"]["decision"]["by"] == desk.approver
        with pytest.raises(AlreadyUsed):
            await asyncio.to_thread(one, desk.approver)
    assert RAN.count(desk.approver) == 1 and desk.asked_in_all() == 1


async def test_a_guarded_coroutine_does_not_run_after_a_refusal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDGATE_URL", desk.url)
    monkeypatch.setenv("HOLDGATE_TOKEN", desk.token)

    @requires_approval(lambda what: f"Delete {what}", to=desk.approver, show=lambda what: {"What": what}, key="{what}")
    async def delete(what: str) -> None:
        raise AssertionError("it must not run")

    desk.will_decide("reject", reason="It is still needed.")
    with pytest.raises(NotApproved, match="It is still needed") as refused:
        await delete("the archive")
    assert refused.value.decision.state == "rejected"


def test_an_argument_that_cannot_be_shown_is_refused_before_anybody_is_asked(desk: Desk) -> None:
    with Client(desk.url, desk.token) as hold:

        @requires_approval("Do it", to=desk.approver, client=hold)
        def act(thing: object) -> None: ...

        with pytest.raises(TypeError, match="key="):
            act(object())
    assert desk.asked_in_all() == 0
