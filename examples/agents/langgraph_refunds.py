"""The same by LangGraph: the graph interrupts itself, and is resumed with the decision.

Its checkpointer keeps the state; with one that is stored, another process can resume it. `once` names the thread, so
nobody is asked twice however often that is tried.
"""

from typing import Any, NotRequired, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from holdgate import Client

APPROVERS = ["ann@shop.example"]


class Refund(TypedDict):
    order: str
    cents: int
    outcome: NotRequired[str]


def check(state: Refund) -> dict[str, str]:
    """The graph stops here until somebody has decided."""
    decision = interrupt({"Order": state["order"], "Amount": f"{state['cents'] / 100:.2f} €"})
    if not decision["approved"]:
        return {"outcome": f"refused: {decision['reason']}"}
    return {"outcome": f"paid {state['cents']} cents, agreed by {decision['by']}"}


def make_graph() -> Any:
    graph = StateGraph(Refund)
    graph.add_node("check", check)
    graph.add_edge(START, "check")
    graph.add_edge("check", END)
    return graph.compile(checkpointer=InMemorySaver())


def pay_back(refund: Refund, thread: str, hold: Client) -> str:
    """Run the graph to its end; people are asked on the way."""
    graph, config = make_graph(), {"configurable": {"thread_id": thread}}
    state = graph.invoke(refund, config)
    for asked in state.get("__interrupt__", ()):
        decision = hold.ask(
            f"Refund for order {refund['order']}", to=APPROVERS, show=asked.value, once=f"thread:{thread}:{asked.id}"
        )
        told = {"approved": decision.approved, "by": decision.by, "reason": decision.reason or decision.state}
        state = graph.invoke(Command(resume=told), config)
    return str(state["outcome"])
