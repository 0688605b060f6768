"""Identifiers: time-ordered UUIDs (version 7). Never a secret."""

import sys
from uuid import UUID

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    import uuid_utils

    def uuid7() -> UUID:
        """A time-ordered UUID (RFC 9562), so that index inserts stay at the right-hand side."""
        return UUID(int=uuid_utils.uuid7().int)


__all__ = ["UUID", "uuid7"]
