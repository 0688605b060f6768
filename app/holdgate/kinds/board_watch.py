"""The kind `board.watch`: look at a job board, import what is new on it and wanted, and close what has gone from it.

    turn (the host's next free minute) → wait for it → keep (a write transaction)

Meant for a schedule. The board is asked whether it has changed since the last look of this watch (ETag); the request
itself is no step, since its answer may be large and asking again does no harm.
"""

from datetime import timedelta

from holdgate.accounts import service as accounts
from holdgate.core.errors import Invalid, TooMany
from holdgate.core.network.outgoing import RefusedRequest
from holdgate.core.principal import Principal
from holdgate.postings.boards import fetching, watching
from holdgate.postings.boards.fetching import GONE, NoPostings
from holdgate.postings.boards.watching import BoardWatch, WatchResult
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError, RetryAfter
from holdgate.tasks.kinds import Backoff, kind

BACKOFF = Backoff(base=timedelta(minutes=2), factor=4.0, cap=timedelta(hours=1))
LATER = (408, 425, 429)  # and every 5xx: asked again


@kind("board.watch", max_attempts=5, timeout=timedelta(minutes=2), backoff=BACKOFF)
async def watch_board(ctx: Context, payload: BoardWatch) -> WatchResult:
    """Look at a job board: import what is new and wanted, close what has gone."""
    by = await _owner(ctx)
    n = ctx.task.failures + 1  # another attempt waits for another turn
    try:
        wait = await ctx.transact(f"turn-{n}", watching.reserve, payload)
    except RefusedRequest as error:
        raise PermanentError(str(error)) from error
    if wait:
        await ctx.sleep(f"wait-{n}", timedelta(seconds=wait))
    async with ctx.database.read() as session:
        last = await watching.last_look(session, by.id, payload)
    try:
        found = await fetching.fetch_changed(
            ctx.settings, ctx.database, payload.address, etag=last.etag, modified=last.modified, reserved=True
        )
    except NoPostings as nothing:
        return await _nothing(ctx, by, payload, nothing)
    except TooMany as busy:
        raise RetryAfter(timedelta(seconds=busy.retry_after), str(busy)) from busy
    except (Invalid, RefusedRequest) as error:
        raise PermanentError(str(error)) from error
    if found.answer is None:
        return WatchResult(unchanged=True)
    answer = last._replace(etag=found.etag, modified=found.modified)
    parsed = found.answer.parsed
    rows = await ctx.in_thread(watching.wanted_rows, parsed.rows, payload)
    return await ctx.transact("keep", watching.keep, by, payload, parsed, rows, answer)


async def _nothing(ctx: Context, by: Principal, payload: BoardWatch, nothing: NoPostings) -> WatchResult:
    if nothing.status in LATER or nothing.status >= 500:
        raise nothing
    closed = await ctx.transact("gone", watching.close_gone, by.id, payload) if nothing.status in GONE else None
    if closed is None:
        raise PermanentError(str(nothing))
    return closed


async def _owner(ctx: Context) -> Principal:
    if ctx.owner_id is not None:
        async with ctx.database.read() as session:
            user = await accounts.find_user(session, ctx.owner_id)
        if user is not None:
            return Principal(user.id, user.email, user.name, "admin" if user.role == "admin" else "member")
    raise PermanentError("A watch needs a person whose postings it keeps. Make it a schedule of your own.")
