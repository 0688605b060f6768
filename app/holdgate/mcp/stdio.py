"""`holdgate mcp`: the tools over standard input and output, for an agent on this machine."""

from mcp.server.stdio import stdio_server

from holdgate.client.asynchronous import AsyncClient
from holdgate.mcp.server import make_server


async def serve(base_url: str, token: str) -> None:
    """Until standard input ends."""
    async with AsyncClient(base_url, token, tries=3) as hold, stdio_server() as (incoming, outgoing):
        server = make_server(hold)
        await server.run(incoming, outgoing, server.create_initialization_options())
