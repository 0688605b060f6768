"""The same by Pydantic AI: a deferred tool, decided by a person, who may correct the amount."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from msgspec import Meta
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied
from pydantic_ai.models import Model

from holdgate import AsyncClient

APPROVERS = ["ann@shop.example"]
PAID: dict[str, int] = {}


@dataclass
class Refund:
    """What a person sees, and may change."""

    order: str
    cents: Annotated[int, Meta(gt=0, le=100_000, title="Amount in cents")]


def refund(order: str, cents: int) -> str:
    """Pay money back to a customer."""
    PAID[order] = cents
    return f"Refunded {cents / 100:.2f} € for order {order}."


async def answer(question: str, hold: AsyncClient, model: str | Model = "openai:gpt-5") -> str:
    """The agent's answer; people are asked on the way."""
    agent: Agent[None, str | DeferredToolRequests] = Agent(model, output_type=[str, DeferredToolRequests])
    agent.tool_plain(requires_approval=True)(refund)
    result = await agent.run(question)
    while isinstance(result.output, DeferredToolRequests):
        decided: dict[str, Any] = {}
        for call in result.output.approvals:
            proposed = Refund(**call.args_as_dict())
            decision = await hold.ask(
                f"Refund for order {proposed.order}",
                to=APPROVERS,
                show={"Customer": question},
                form=Refund,
                values=asdict(proposed),
            )
            if decision.approved:
                decided[call.tool_call_id] = ToolApproved(override_args=asdict(decision.read_form(Refund)))
            else:
                decided[call.tool_call_id] = ToolDenied(f"A person refused: {decision.reason or decision.state}")
        result = await agent.run(
            message_history=result.all_messages(), deferred_tool_results=DeferredToolResults(approvals=decided)
        )
    return result.output
