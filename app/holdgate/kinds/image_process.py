"""The kind `image.process`: fetch a picture, change it in a process of the pool, keep the result as a file.

    source (a file of another task, or an address) → edit (in a process) → the file   all in the step "edit"

Only the result is stored: a try that failed fetches its source again.
"""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.core.network import outgoing
from holdgate.core.network.outgoing import RefusedRequest
from holdgate.kinds.image.edits import Crop, Edit, Format, Picture, RefusedPicture, Resize
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.artifacts import find_owners_artifact
from holdgate.tasks.kinds import kind
from holdgate.tasks.payloads.artifact import StoredArtifact

MOST_BYTES = 20 * 1024 * 1024
LIMIT = timedelta(seconds=60)

Address = Annotated[str, msgspec.Meta(min_length=8, max_length=4000)]

SUFFIX: dict[Format, str] = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class ProcessImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture and what to do with it. It is turned upright in any case."""

    artifact_id: Annotated[UUID | None, msgspec.Meta(description="A file of another task of the same owner.")] = None
    url: Annotated[Address | None, msgspec.Meta(description="Or where to get it: http:// or https://.")] = None
    crop: Crop | None = None
    resize: Resize | None = None
    format: Annotated[Format | None, msgspec.Meta(description="As it is when empty; GIF becomes PNG.")] = None
    quality: Annotated[int, msgspec.Meta(ge=1, le=100, description="Of JPEG and WebP.")] = 85
    keep_metadata: Annotated[bool, msgspec.Meta(description="Keep EXIF: camera, time and place of a photo.")] = False

    def __post_init__(self) -> None:
        if (self.artifact_id is None) == (self.url is None):
            raise ValueError("Give either artifact_id or url")


class ProcessedImage(msgspec.Struct, frozen=True):
    """`width` and `height` are pixels."""

    file: StoredArtifact
    width: int
    height: int


@kind("image.process", timeout=timedelta(minutes=3))
async def process_image(ctx: Context, payload: ProcessImage) -> ProcessedImage:
    """Resize, crop or convert a picture, without what it tells about its maker."""
    return await ctx.step("edit", edit, ctx, payload)


async def edit(ctx: Context, wanted: ProcessImage) -> ProcessedImage:
    source = await _fetch(ctx, wanted.url) if wanted.url is not None else await _read(ctx, wanted.artifact_id)
    if len(source) > MOST_BYTES:
        raise PermanentError(f"The picture has more than {MOST_BYTES // 1024**2} MB.")
    todo = Edit(wanted.crop, wanted.resize, wanted.format, wanted.quality, wanted.keep_metadata)
    try:
        picture = await ctx.in_process(_edit_picture, source, todo, limit=LIMIT)
    except RefusedPicture as refusal:
        raise PermanentError(str(refusal)) from refusal
    name = f"image.{SUFFIX[picture.format]}"
    file = await ctx.artifact(name, picture.data, f"image/{picture.format}")
    return ProcessedImage(file, picture.width, picture.height)


def _edit_picture(source: bytes, todo: Edit) -> Picture:
    # Only in the process that does it: web servers and workers have no Pillow in memory.
    from holdgate.kinds.image.editing import edit_picture

    return edit_picture(source, todo)


async def _fetch(ctx: Context, url: str) -> bytes:
    try:
        async with outgoing.client(ctx.settings, max_bytes=MOST_BYTES) as http:
            response = await http.get(url)
    except RefusedRequest as error:
        raise PermanentError(str(error)) from error
    status = response.status_code
    if status == 200:
        return response.content
    problem = f"{response.request.url.host} answered {status} instead of a picture."
    if status >= 500 or status in (408, 425, 429):
        raise RuntimeError(problem)
    raise PermanentError(problem)


async def _read(ctx: Context, artifact_id: UUID | None) -> bytes:
    from holdgate.core.files import FileStore

    assert artifact_id is not None
    async with ctx.database.read() as session:
        found = await find_owners_artifact(session, artifact_id, ctx.owner_id)
    data = None if found is None else await FileStore(ctx.settings).read(found.key)
    if data is None:
        raise PermanentError("No such file, or it belongs to somebody else.")
    return data
