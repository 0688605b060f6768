"""Static files."""

import re
from pathlib import Path

import httpx
import pytest

from holdgate.core.config import Settings
from holdgate.web.assets import Assets
from tests.web.conftest import Client, MakeSite

STATIC = Path(__file__).parents[2] / "static"


@pytest.fixture
def assets() -> Assets:
    return Assets(STATIC)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("css/base.css", "text/css; charset=utf-8"),
        ("js/live.js", "text/javascript; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_served_for_ever_under_its_hash(
    client: Client, assets: Assets, name: str, media_type: str
) -> None:
    answer = await client.get(assets.url(name))
    assert answer.status_code == 200
    assert answer.content == (STATIC / name).read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].split(";")[0] == media_type.split(";")[0]
    assert "set-cookie" not in answer.headers


async def test_a_relative_import_stays_in_the_same_version(assets: Assets) -> None:
    base = httpx.URL("http://x" + assets.url("js/live.js"))
    assert base.join("./clock.js").path == assets.url("js/clock.js")


async def test_large_texts_are_sent_packed_to_those_who_can_unpack(client: Client, assets: Assets) -> None:
    url = assets.url("vendor/htmx.min.js")
    packed = await client.get(url)
    plain = await client.get(url, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.headers["vary"] == "Accept-Encoding"


async def test_another_version_is_served_but_not_kept(client: Client, assets: Assets) -> None:
    answer = await client.get(assets.url("css/base.css").replace(assets.version, "0" * 16))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "../pyproject.toml",
        "..%2f..%2fpyproject.toml",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "css",
        "css/",
        "",
        "%00",
    ],
)
async def test_nothing_outside_the_directory_is_served(client: Client, assets: Assets, path: str) -> None:
    answer = await client.get(f"/static/{assets.version}/{path}")
    assert answer.status_code == 404
    assert b"holdgate" not in answer.content.lower()


async def test_head_of_a_file_has_its_headers(client: Client, assets: Assets) -> None:
    answer = await client.head(assets.url("css/base.css"))
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_name_that_does_not_exist_is_a_mistake(assets: Assets) -> None:
    with pytest.raises(KeyError):
        assets.url("css/nothing.css")


def test_the_address_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a")
    first = Assets(tmp_path)
    (tmp_path / "b.css").write_text("b")
    assert Assets(tmp_path).version != first.version
    assert re.fullmatch(r"/static/[0-9a-f]{16}/a\.css", first.url("a.css"))


async def test_robots_and_favicon_are_where_they_are_looked_for(client: Client) -> None:
    assert (await client.get("/robots.txt")).text == (STATIC / "robots.txt").read_text()
    assert (await client.get("/favicon.ico")).headers["content-type"].startswith("image/svg+xml")


async def test_static_files_ask_nobody_to_sign_in(site_of: MakeSite, settings: Settings, assets: Assets) -> None:
    async with Client(transport=httpx.ASGITransport(site_of()), base_url=settings.base_url) as client:
        assert (await client.get(assets.url("css/base.css"))).status_code == 200


def test_letters_have_one_of_four_sizes() -> None:
    """13, 14, 18 and 24 px. Beside them: parts of the text around, 16 px in fields of a phone, and the landing page's
    title."""
    tokens = dict(re.findall(r"--text-(\w+): ([\d.]+)rem", (STATIC / "css/tokens.css").read_text()))
    assert {float(size) * 16 for size in tokens.values()} == {13, 14, 18, 24}
    allowed = {f"var(--text-{name})" for name in tokens} | {"100%", "0.93em", "1rem"}
    sizes = [
        (path.name, size)
        for path in sorted((STATIC / "css").rglob("*.css"))
        for size in re.findall(r"font-size: ([^;]+);", path.read_text())
    ]
    assert [each for each in sizes if each[1] not in allowed and not each[1].startswith("clamp(")] == []


async def test_a_phone_is_told_how_to_keep_it(client: Client) -> None:
    answer = await client.get("/manifest.webmanifest")
    assert answer.headers["content-type"].startswith("application/manifest+json")
    manifest = answer.json()
    assert manifest["start_url"] == "/overview"
    for icon in manifest["icons"]:
        image = await client.get(icon["src"])
        assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert "manifest-src 'self'" in (await client.get("/notes")).headers["content-security-policy"]
