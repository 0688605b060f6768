"""Kinds that exist for tests."""

import msgspec

from holdgate.tasks.kinds import kind


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    word: str = ""


@kind("test.nothing")
async def nothing(ctx: object, payload: Nothing) -> str:
    """Does nothing and says a word."""
    return payload.word


@kind("test.free")
async def free(ctx: object, payload: Nothing) -> str:
    """A twin of test.nothing, for tests in which one of the two has a limit."""
    return payload.word
