"""What postings need from time to time: imports that nobody confirmed and hosts that were asked are forgotten."""

from holdgate.core.db import WriteSession
from holdgate.core.upkeep import RETENTION, Round, Upkeep
from holdgate.postings.boards.queries import forget_hosts
from holdgate.postings.imports.queries import forget_old_imports


async def _forget_imports(session: WriteSession, _: Round) -> bool:
    await forget_old_imports(session)
    await forget_hosts(session)
    return False


UPKEEP = (Upkeep("forget_imports", RETENTION, _forget_imports),)
