"""An agent of OpenAI's Agents SDK whose dangerous tool waits for a person.

The SDK stops the run where a tool `needs_approval`; Holdgate asks a person, and the run goes on with what they decided.
Its state is JSON (`state.to_json()`), so another process can go on with it, too.
"""

import json

from agents import Agent, Model, Runner, function_tool

from holdgate import AsyncClient

APPROVERS = ["ann@shop.example"]
PAID: list[str] = []


@function_tool(needs_approval=True)
def refund(order: str, cents: int) -> str:
    """Pay money back to a customer."""
    PAID.append(order)
    return f"Refunded {cents / 100:.2f} € for order {order}."


async def answer(question: str, hold: AsyncClient, model: str | Model = "gpt-5") -> str:
    """The agent's answer; people are asked on the way."""
    agent = Agent(name="Service desk", instructions="Help customers.", tools=[refund], model=model)
    result = await Runner.run(agent, question)
    while result.interruptions:
        state = result.to_state()
        for call in result.interruptions:
            decision = await hold.ask(
                f"The service desk wants to use {call.name}",
                to=APPROVERS,
                show={**json.loads(call.arguments or "{}"), "Customer": question},
            )
            if decision.approved:
                state.approve(call)
            else:
                state.reject(call, rejection_message=f"A person refused: {decision.reason or decision.state}")
        result = await Runner.run(agent, state)
    return str(result.final_output)
