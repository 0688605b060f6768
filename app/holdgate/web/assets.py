"""Static files under addresses that change with their content, so that browsers may keep them for ever.

One hash over all files stands at the front (`/static/<hash>/js/live.js`), so relative imports between modules stay
in the same version. The files are read into memory at the start: a path either is a key or does not exist.
"""

import gzip
import mimetypes
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.core.errors import NotFound
from holdgate.web.http.request import WebRequest

FOREVER = "public, max-age=31536000, immutable"
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".md": "text/plain"}


class Asset(msgspec.Struct, frozen=True):
    content: bytes
    gzipped: bytes | None
    media_type: str


class Assets:
    """The files of one directory.

    Args:
        reload: look for changed files once a second (development).
    """

    def __init__(self, directory: Path, *, reload: bool = False) -> None:
        self._directory = directory
        self._reload = reload
        self._checked_at = 0.0
        self._seen: tuple[tuple[str, int], ...] = ()
        self.version = ""
        self._files: dict[str, Asset] = {}
        self._load()

    def url(self, name: str) -> str:
        """The address of `name`, a path inside the directory.

        Raises:
            KeyError: no such file, a mistake in a template.
        """
        self._refresh()
        if name not in self._files:
            raise KeyError(f"no static file {name!r}")
        return f"/static/{self.version}/{name}"

    def find(self, name: str) -> Asset | None:
        self._refresh()
        return self._files.get(name)

    def _refresh(self) -> None:
        if self._reload and time.monotonic() - self._checked_at > 1:
            self._load()

    def _load(self) -> None:
        self._checked_at = time.monotonic()
        paths = sorted(path for path in self._directory.rglob("*") if path.is_file())
        seen = tuple((str(path), path.stat().st_mtime_ns) for path in paths)
        if seen == self._seen:
            return
        self._seen = seen
        hashed = sha256()
        files: dict[str, Asset] = {}
        for path in paths:
            name, content = path.relative_to(self._directory).as_posix(), path.read_bytes()
            hashed.update(f"{name}\0{len(content)}\0".encode() + content)
            files[name] = _asset(path, content)
        self._files, self.version = files, hashed.hexdigest()[:16]


def _asset(path: Path, content: bytes) -> Asset:
    media_type = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_text = media_type.startswith("text/") or media_type.endswith(("+xml", "json"))
    packed = gzip.compress(content, mtime=0) if is_text and len(content) > 500 else None
    return Asset(content, packed, media_type)


def answer(request: WebRequest, name: str, cache: str) -> Response[bytes]:
    found: Asset | None = request.app.state.assets.find(name)
    if found is None:
        raise NotFound("No such file.")
    headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    content = found.content
    if found.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = found.gzipped, "gzip"
    return Response(content, media_type=found.media_type, headers=headers)


@get("/static/{version:str}/{name:path}", include_in_schema=False)
async def static_file(request: WebRequest, version: FromPath[str], name: FromPath[Path]) -> Response[bytes]:
    # During a deploy a page of one version may ask a process of another: it gets the file, but shall not keep it.
    current = version == request.app.state.assets.version
    return answer(request, name.as_posix().lstrip("/"), FOREVER if current else "no-cache")


@get("/robots.txt", include_in_schema=False)
async def robots(request: WebRequest) -> Response[bytes]:
    return answer(request, "robots.txt", "public, max-age=86400")


@get("/favicon.ico", include_in_schema=False)
async def favicon(request: WebRequest) -> Response[bytes]:
    return answer(request, "favicon.svg", "public, max-age=86400")


@get("/manifest.webmanifest", include_in_schema=False)
async def manifest(request: WebRequest) -> Response[dict[str, Any]]:
    """So that a phone can keep it among its applications."""
    base, assets = request.app.state.settings.base_path, request.app.state.assets
    icons = [
        {"src": base + assets.url(f"pictures/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    body = {
        "name": "Holdgate",
        "short_name": "Holdgate",
        "start_url": f"{base}/overview",
        "scope": f"{base}/",
        "display": "minimal-ui",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": icons,
    }
    return Response(body, media_type="application/manifest+json", headers={"Cache-Control": "public, max-age=3600"})


handlers: list[HTTPRouteHandler] = [static_file, robots, favicon, manifest]
