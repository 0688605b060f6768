"""`holdgate verify`: receipts from their files, or the whole database against its own log."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence import verify as decisions
from holdgate.core import signing
from holdgate.core.config import Settings
from holdgate.core.db import LONG, Database
from holdgate.core.errors import Invalid
from holdgate.stats import consistency as counts

OTHER_KEYS = (
    "Who issued it shows the public keys at /.well-known/holdgate-keys.json: save them, and name the file by --keys."
)
SHOWN = 20  # problems told of one check
Say = Callable[[str], Any]


def verify_files(files: Sequence[Path], keys: list[dict[str, str]], say: Say) -> bool:
    """Whether every file is a genuine receipt; tells about each."""
    fine = True
    for path in files:
        verdict = receipts.check(path.read_bytes(), keys)
        if verdict.problem:
            fine = False
            unknown = verdict.problem.startswith(signing.UNKNOWN_KEY)
            say(f"{path}: {f'unknown key. {OTHER_KEYS}' if unknown else 'NOT GENUINE.'} {verdict.problem}")
        else:
            decision, issuer = verdict.content["decision"], verdict.content["issuer"]
            by = f"by {decision['by']} " if decision["by"] else ""
            say(f"{path}: genuine. {decision['outcome']} {by}at {decision['at']}, issued by {issuer}.")
    return fine


def keys_of(settings: Settings, saved: Path | None) -> list[dict[str, str]]:
    """The public keys of a file saved from /.well-known/holdgate-keys.json, else our own."""
    if saved is None:
        return signing.public_keys(settings.secret_keys)
    try:
        return msgspec.json.decode(saved.read_bytes(), type=dict[str, list[dict[str, str]]])["keys"]
    except (msgspec.MsgspecError, KeyError) as error:
        raise Invalid(f"{saved} holds no public keys (a JWK Set).") from error


async def verify_database(settings: Settings, say: Say) -> bool:
    """Whether everything agrees, in one snapshot and without stopping anybody; tells about each check."""
    database = Database(
        settings.database_url, name="holdgate verify", pool_size=1, pooler=settings.database_pooler, limit=LONG
    )
    try:
        async with database.read() as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            fine = True
            for check in counts.CHECKS:
                fine = _tell(check, await counts.problems(session, check, SHOWN + 1), say) and fine
            for check in decisions.CHECKS:
                fine = _tell(check, await decisions.problems(session, check, SHOWN + 1), say) and fine
            changed = await decisions.changed_questions(session, SHOWN + 1)
            return _tell("Every question is what was shown", changed, say) and fine
    finally:
        await database.dispose()


def _tell(check: str, problems: list[str], say: Say) -> bool:
    say(f"{'DRIFT' if problems else 'ok   '}  {check}")
    for problem in problems[:SHOWN]:
        say(f"         {problem}")
    if len(problems) > SHOWN:
        say("         and more")
    return not problems
