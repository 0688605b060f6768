"""The servers of a test and emptying them."""

from dataclasses import dataclass

from holdgate.testing.database import empty as empty


@dataclass(frozen=True)
class Servers:
    database_url: str
    redis_url: str
