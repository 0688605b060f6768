"""The tools as a server of MCP, by the official SDK. Imported when somebody speaks MCP and not before: it is heavy."""

from importlib.metadata import version
from textwrap import dedent
from typing import Any
from uuid import UUID

import httpx
import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from holdgate.client.asynchronous import AsyncClient
from holdgate.client.problems import Problem
from holdgate.mcp.tools import RECEIPT, TOOLS, AgentTool, receipt_uri, schema_of

Context = ServerRequestContext[Any, Any]

INSTRUCTIONS = """
Holdgate asks people. Before you do something that a person has to sign off on, call request_approval and show exactly
what you would do; to get information or a choice from a person, call ask_person. Then call get_approval until the
state is no longer pending. Go on only when `approved` is true. You can decide nothing here yourself.
"""
MOST_RECEIPTS = 20


def make_server(hold: AsyncClient) -> Server[Any]:
    """A server for one caller: what it does, it does by this client."""

    async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS.values()])

    async def call_tool(_: Context, sent: types.CallToolRequestParams) -> types.CallToolResult:
        tool = TOOLS.get(sent.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {sent.name}. There are {', '.join(TOOLS)}.")
        try:
            given = msgspec.convert(sent.arguments or {}, tool.takes)
            done = msgspec.to_builtins(await tool.act(hold, given))
        except (msgspec.ValidationError, Problem, httpx.TransportError) as error:
            return _refused(_sentence(error))
        return types.CallToolResult(content=[_text(msgspec.json.encode(done).decode())], structured_content=done)

    async def list_resources(_: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        with_receipt = ("approved", "rejected", "expired")
        page = await _read(hold, "/approvals", {"limit": MOST_RECEIPTS})
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=receipt_uri(item["id"]), name=f"Receipt: {item['title']}", mime_type=JSON)
                for item in page["items"]
                if item["state"] in with_receipt
            ]
        )

    async def list_templates(_: Context, __: types.PaginatedRequestParams | None) -> types.ListResourceTemplatesResult:
        told = (
            "The signed receipt of a decision: what was shown, who decided what and when. `holdgate verify` checks it."
        )
        template = types.ResourceTemplate(uri_template=RECEIPT, name="Receipt", description=told, mime_type=JSON)
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(_: Context, sent: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(sent.uri)
        before, after = RECEIPT.split("{id}")
        try:
            approval_id = UUID(uri.removeprefix(before).removesuffix(after))
        except ValueError:
            raise MCPError(types.INVALID_PARAMS, f"There is no resource {uri}.") from None
        try:
            receipt = await hold.download(f"/approvals/{approval_id}/receipt")
        except (Problem, httpx.TransportError) as error:
            raise MCPError(types.INVALID_PARAMS, _sentence(error)) from error
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=uri, mime_type=JSON, text=receipt.decode())]
        )

    return Server(
        "holdgate",
        version=version("holdgate"),
        title="Holdgate",
        instructions=dedent(INSTRUCTIONS).strip(),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )


JSON = "application/json"


async def _read(hold: AsyncClient, path: str, query: dict[str, Any]) -> Any:
    try:
        return await hold.get(path, query)
    except (Problem, httpx.TransportError) as error:
        raise MCPError(types.INTERNAL_ERROR, _sentence(error)) from error


def _described(tool: AgentTool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=" ".join((tool.takes.__doc__ or "").split()),
        input_schema=schema_of(tool.takes),
        output_schema=schema_of(tool.gives),
        annotations=types.ToolAnnotations(
            read_only_hint=tool.reads, destructive_hint=tool.destroys, idempotent_hint=True, open_world_hint=False
        ),
    )


def _refused(sentence: str) -> types.CallToolResult:
    return types.CallToolResult(content=[_text(sentence)], is_error=True)


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)


def _sentence(error: Exception) -> str:
    """What the model is told, to do better or to give up."""
    if isinstance(error, msgspec.ValidationError):
        return f"These arguments are not right: {error}."
    if isinstance(error, httpx.TransportError):
        return f"Holdgate can’t be reached just now ({type(error).__name__}). Try again in a minute."
    return str(error)
