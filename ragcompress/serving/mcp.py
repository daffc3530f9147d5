"""The tools of ``agent`` over the Model Context Protocol, with the official SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from .. import __version__
from ..data import Progress
from ..errors import RagCompressError
from ..stopping import Stop
from .agent import MOST_TOKENS, Agent, Found

_INSTRUCTIONS = (
    "Reads long files for you: say what you look for and get only the sentences that bear on it, word for "
    "word, with path:line. Use read_relevant instead of reading a whole file when you have a question; "
    "expand shows more around a place."
)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
Question = Annotated[str, Field(min_length=1, max_length=8_000, description="What you look for, in full.")]
MaxTokens = Annotated[int, Field(ge=50, le=MOST_TOKENS, description="Longest answer.")]

ToolAnswer = Annotated[CallToolResult, Found]
"""Text for the model, and the same with its places as structured content."""


def build(agent: Agent, *, has_indexes: bool) -> MCPServer[Any]:
    """The server.

    Args:
        has_indexes: whether there is an index to search.
    """
    server: MCPServer[Any] = MCPServer("ragcompress", version=__version__, instructions=_INSTRUCTIONS)

    @server.tool(title="Read what matters", annotations=_READS)
    async def read_relevant(
        question: Question,
        paths: Annotated[list[str], Field(min_length=1, description="Files or folders.")],
        ctx: Context[Any, Any],
        max_tokens: MaxTokens = 4_000,
    ) -> ToolAnswer:
        """Read files (text, Markdown, PDF, Office, code, logs) and return only what the question needs."""
        return await _answer_stoppable(ctx, agent.read_relevant, question, paths, max_tokens)

    @server.tool(title="Show more around a place", annotations=_READS)
    async def expand(
        path: str,
        start: Annotated[int, Field(ge=0, description="As an excerpt says.")],
        end: Annotated[int, Field(ge=1)],
        around: Annotated[int, Field(ge=0, le=50, description="Sentences before and after.")] = 2,
    ) -> ToolAnswer:
        """Show a place in a file with the sentences around it."""
        return await _answer(agent.expand, path, start, end, around)

    if has_indexes:

        @server.tool(title="Search what matters", annotations=_READS)
        async def search_relevant(
            question: Question, index: str, ctx: Context[Any, Any], max_tokens: MaxTokens = 4_000
        ) -> ToolAnswer:
            """Search an index of documents and return only what the question needs."""
            return await _answer_stoppable(ctx, agent.search_relevant, question, index, max_tokens)

    return server


async def _answer_stoppable(
    ctx: Context[Any, Any], tool: Callable[..., Found], *arguments: Any
) -> ToolAnswer:
    """Call a tool that reads; when nobody waits for it any more, it stops."""
    stop = Stop()
    try:
        return await _answer(tool, *arguments, stop.after(_progress(ctx)))
    finally:
        stop.cancel()


async def _answer(tool: Callable[..., Found], *arguments: Any) -> ToolAnswer:
    """Call a tool in a thread; an agent is told what it did wrong.

    Raises:
        ToolError: with the message of our own errors.
    """
    try:
        answer = await asyncio.to_thread(tool, *arguments)
    except RagCompressError as error:
        raise ToolError(str(error)) from error
    # The text alone, so that an agent does not pay for the places' JSON; most show it one of the two.
    text = "\n".join([answer.text, *(f"({note})" for note in answer.notes)]).strip()
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=answer.model_dump(mode="json")
    )


def run(server: MCPServer[Any], transport: Literal["stdio", "http"], host: str, port: int) -> None:
    """Serve until the client goes (stdio) or the process is told to end (streamable HTTP, at ``/mcp``)."""
    if transport == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host=host, port=port)


def _progress(ctx: Context[Any, Any]) -> Progress:
    """Tell the client how far the reading is, from the thread that reads."""
    loop = asyncio.get_running_loop()

    def tell(done: int, total: int) -> None:
        asyncio.run_coroutine_threadsafe(ctx.report_progress(done, total), loop)

    return tell
