"""What can be done with a picture, and what comes of it; without Pillow, which only its own process needs."""

from typing import Annotated, Literal

import msgspec

Format = Literal["jpeg", "png", "webp"]
Side = Annotated[int, msgspec.Meta(ge=1, le=10_000)]

MOST_PIXELS = 40_000_000


class RefusedPicture(Exception):
    """It can’t be read, or is too large; a sentence."""


class Crop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In pixels of the upright picture."""

    left: Annotated[int, msgspec.Meta(ge=0)]
    top: Annotated[int, msgspec.Meta(ge=0)]
    width: Side
    height: Side


class Resize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One side, and the other follows; with both, `fit` says what happens to the proportions."""

    width: Side | None = None
    height: Side | None = None
    fit: Annotated[
        Literal["contain", "cover", "stretch"],
        msgspec.Meta(description="Inside of the box, filling it (the rest is cut off), or distorted."),
    ] = "contain"
    enlarge: Annotated[bool, msgspec.Meta(description="Make small pictures larger, too.")] = False

    def __post_init__(self) -> None:
        if self.width is None and self.height is None:
            raise ValueError("Give a width, a height or both")
        if (self.width or 1) * (self.height or 1) > MOST_PIXELS:
            raise ValueError(f"At most {MOST_PIXELS:,} pixels")


class Edit(msgspec.Struct, frozen=True):
    """What to do, in this order: turn upright, crop, resize, convert."""

    crop: Crop | None
    resize: Resize | None
    format: Format | None
    quality: int
    keep_metadata: bool


class Picture(msgspec.Struct, frozen=True):
    data: bytes
    format: Format
    width: int
    height: int
