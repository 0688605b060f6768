"""`image.process`: what becomes of pictures, where they may come from, and what is refused."""

from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import msgspec
import pytest
from PIL import Image

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.files import FileStore
from holdgate.kinds import image_process
from holdgate.tasks.artifacts import artifacts_of, store_artifact
from holdgate.tasks.errors import PayloadMismatch
from holdgate.tasks.states import TaskState
from holdgate.testing import KindTester
from tests.factories.tasks import make_task
from tests.kinds.pictures import bomb, photo, picture, serving


async def result_of(database: Database, settings: Settings, task_id: UUID) -> Image.Image:
    async with database.read() as session:
        [file] = await artifacts_of(session, task_id)
    data = await FileStore(settings).read(file.key)
    assert data is not None
    made = Image.open(BytesIO(data))
    made.load()
    assert file.content_type == f"image/{(made.format or '').lower()}"
    return made


async def process(database: Database, settings: Settings, source: bytes, **payload: Any) -> Image.Image:
    async with KindTester(database, settings) as tester, serving(source) as url:
        task_id = await tester.enqueue("image.process", {"url": url, **payload})
        assert await tester.run(task_id) == "succeeded", (await tester.task(task_id)).reason
    return await result_of(database, settings, task_id)


def dominant(made: Image.Image, place: tuple[int, int]) -> str:
    red, _, blue = made.convert("RGB").getpixel(place)  # type: ignore[misc]
    return "red" if red > blue else "blue"


@pytest.mark.parametrize(
    ("resize", "size"),
    [
        ({"width": 30}, (30, 20)),
        ({"height": 10}, (15, 10)),
        ({"width": 30, "height": 30}, (30, 20)),
        ({"width": 30, "height": 30, "fit": "cover"}, (30, 30)),
        ({"width": 30, "height": 30, "fit": "stretch"}, (30, 30)),
        ({"width": 600}, (60, 40)),
        ({"width": 600, "enlarge": True}, (600, 400)),
        ({"width": 80, "height": 80, "fit": "cover"}, (40, 40)),
    ],
)
async def test_it_is_resized_within_its_proportions_unless_told_otherwise(
    database: Database, settings: Settings, resize: dict[str, object], size: tuple[int, int]
) -> None:
    assert (await process(database, settings, picture("PNG"), resize=resize)).size == size


@pytest.mark.parametrize("target", ["jpeg", "png", "webp"])
@pytest.mark.parametrize(
    ("source", "mode"), [("PNG", "RGBA"), ("JPEG", "CMYK"), ("GIF", "P"), ("WEBP", "RGB"), ("PNG", "1")]
)
async def test_every_format_becomes_every_other(source: str, mode: str, target: Any) -> None:
    # The function itself: the way to it is the same for all.
    from holdgate.kinds.image.editing import edit_picture
    from holdgate.kinds.image.edits import Edit

    made = edit_picture(picture(source, mode=mode), Edit(None, None, target, 85, False))
    again = Image.open(BytesIO(made.data))
    assert (again.format, again.size, made.width) == (target.upper(), (60, 40), 60)


async def test_a_crop_takes_its_part(database: Database, settings: Settings) -> None:
    crop = {"left": 30, "top": 0, "width": 20, "height": 10}
    made = await process(database, settings, picture("PNG"), crop=crop)
    assert (made.size, dominant(made, (1, 1))) == ((20, 10), "blue")


async def test_a_photo_is_upright_and_tells_nothing_of_its_maker(database: Database, settings: Settings) -> None:
    made = await process(database, settings, photo())
    assert made.size == (40, 60)
    assert (dominant(made, (20, 5)), dominant(made, (20, 55))) == ("red", "blue")
    assert dict(made.getexif()) == {}
    assert "comment" not in made.info


async def test_metadata_is_kept_when_asked_for_but_not_the_orientation(database: Database, settings: Settings) -> None:
    exif = (await process(database, settings, photo(), keep_metadata=True)).getexif()
    assert (exif.get(0x010F), exif.get(0x0112)) == ("Camera of Ann", None)


async def test_what_is_transparent_becomes_white_in_a_jpeg(database: Database, settings: Settings) -> None:
    out = BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    made = await process(database, settings, out.getvalue(), format="jpeg")
    assert made.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (bomb(60_000, 60_000), "more than 40,000,000 pixels"),
        (bomb(8_000, 6_000), "more than 40,000,000 pixels"),
        (bomb(100, 100), "no picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "its format is not known"),
        (picture("TIFF"), "its format is not known"),
        (picture("JPEG")[:400], "no picture that can be read"),
        (b"", "its format is not known"),
    ],
    ids=["bomb", "smaller bomb", "cut short", "svg", "tiff", "half a jpeg", "empty"],
)
async def test_bombs_and_what_is_no_picture_are_refused_for_good(
    tester: KindTester, source: bytes, problem: str
) -> None:
    async with serving(source) as url:
        task_id = await tester.enqueue("image.process", {"url": url})
        assert await tester.run(task_id) == "dead_letter"
    assert problem in ((await tester.task(task_id)).reason or "")


async def test_a_crop_beyond_the_picture_is_refused(tester: KindTester) -> None:
    async with serving(picture("PNG")) as url:
        crop = {"left": 50, "top": 0, "width": 20, "height": 10}
        task_id = await tester.enqueue("image.process", {"url": url, "crop": crop})
        assert await tester.run(task_id) == "dead_letter"
    assert "60 × 40" in ((await tester.task(task_id)).reason or "")


async def test_a_picture_that_takes_too_long_fails_the_try(tester: KindTester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_process, "LIMIT", timedelta(milliseconds=20))
    async with serving(picture("PNG", size=(6000, 6000))) as url:
        task_id = await tester.enqueue("image.process", {"url": url, "resize": {"width": 5000}})
        assert await tester.run(task_id) == "retrying"
    assert "longer than 0.02 seconds" in ((await tester.task(task_id)).reason or "")


@pytest.mark.parametrize(("status", "state"), [("503 Busy", "retrying"), ("404 Not Found", "dead_letter")])
async def test_a_source_that_does_not_answer_well(tester: KindTester, status: str, state: str) -> None:
    async with serving(b"", status) as url:
        assert await tester.run(await tester.enqueue("image.process", {"url": url})) == state


async def test_private_addresses_are_refused(database: Database, settings: Settings) -> None:
    closed = msgspec.structs.replace(settings, allow_private_addresses=False)
    async with KindTester(database, closed) as tester, serving(picture("PNG")) as url:
        assert await tester.run(await tester.enqueue("image.process", {"url": url})) == "dead_letter"


async def test_a_file_of_the_owners_other_task_is_a_source_and_nobody_elses(
    tester: KindTester, database: Database, settings: Settings
) -> None:
    ann, bob = await tester.person("ann@example.org"), await tester.person("bob@example.org")
    other = await make_task(database, TaskState.RUNNING, owner_id=ann)
    made = await store_artifact(database, settings, "system", (other, 1), "a.png", picture("PNG"), "image/png")
    assert made is not None
    for owner, state in ((ann, "succeeded"), (bob, "dead_letter"), (None, "dead_letter")):
        task_id = await tester.enqueue("image.process", {"artifact_id": str(made.id)}, owner_id=owner)
        assert await tester.run(task_id) == state


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"url": "http://h/", "artifact_id": "01a20632-7270-776d-9a9d-837d8b76a21a"},
        {"url": "http://h/", "format": "tiff"},
        {"url": "http://h/", "resize": {}},
        {"url": "http://h/", "resize": {"width": 10_001}},
        {"url": "http://h/", "resize": {"width": 9_000, "height": 9_000}},
        {"url": "http://h/", "crop": {"left": -1, "top": 0, "width": 1, "height": 1}},
    ],
)
async def test_a_payload_that_makes_no_sense_is_refused(tester: KindTester, payload: dict[str, object]) -> None:
    with pytest.raises(PayloadMismatch):
        await tester.enqueue("image.process", payload)
