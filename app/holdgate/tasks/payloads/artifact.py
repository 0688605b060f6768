"""What a handler knows of a file it has kept. Apart from the storing, which needs the database."""

from typing import Annotated
from uuid import UUID

import msgspec

# What a browser may show. PDF is not among them: browsers refuse to show one inside of a sandbox.
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})


class StoredArtifact(msgspec.Struct, frozen=True):
    """What a handler may keep and hand on. `sha256` is in hexadecimal."""

    id: UUID
    name: str
    content_type: str
    size: Annotated[int, msgspec.Meta(description="Bytes.")]
    sha256: str
