"""An agent that asks people by itself, over MCP: no code of ours between it and Holdgate.

Clients of MCP give a call up after a while, this one after 5 seconds unless told otherwise; a wait for a person is up
to 50 seconds long.
"""

from agents import Agent, Model, Runner
from agents.mcp import MCPServerStreamableHttp

WAIT = 60  # seconds


async def work(task: str, url: str, token: str, model: str | Model = "gpt-5") -> str:
    headers = {"Authorization": f"Bearer {token}"}
    async with MCPServerStreamableHttp(
        {"url": f"{url}/mcp", "headers": headers, "timeout": WAIT}, client_session_timeout_seconds=WAIT
    ) as holdgate:
        agent = Agent(
            name="Operator",
            instructions="Do nothing dangerous before a person has approved it in Holdgate.",
            mcp_servers=[holdgate],
            model=model,
        )
        return str((await Runner.run(agent, task)).final_output)
