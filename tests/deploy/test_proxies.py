"""The reverse proxies of docs/deploy.md, run for real with the lines of the page: nginx and Caddy before a server."""

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import holdgate.kinds.email_send  # noqa: F401  (whoever gets a token is told)
from holdgate.accounts import service as accounts
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.core.db import Database
from tests.company_network import Authority
from tests.processes import ROOT, environment, free_port, web
from tests.servers import Servers

PAGE = (ROOT / "docs/deploy.md").read_text()
NAME = "holdgate.example.org"
VISITOR = "127.0.0.7"
MB = 1024 * 1024


def block(beginning: str) -> str:
    texts: list[str] = re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL)
    [found] = [text for text in texts if text.startswith(beginning)]
    return found


def nginx(folder: Path, port: int, behind: int, plain: int) -> list[str]:
    lines = (
        block("# /etc/nginx/conf.d/holdgate.conf")
        .replace("listen 443", f"listen 127.0.0.1:{port}")
        .replace("listen 80", f"listen 127.0.0.1:{plain}")
        .replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
        .replace("/etc/ssl/holdgate.pem", f"{folder}/{NAME}.pem")
        .replace("/etc/ssl/holdgate.key", f"{folder}/{NAME}.pem")
    )
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nuser root;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{lines}}}\n"
    )
    return ["nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]


def caddy(folder: Path, port: int, behind: int, plain: int) -> list[str]:
    lines = (
        block("# /etc/caddy/Caddyfile")
        .replace(f"{NAME} {{", f"{NAME}:{port} {{\n\ttls {folder}/{NAME}.pem {folder}/{NAME}.pem")
        .replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    )
    options = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {port}\n\tdefault_bind 127.0.0.1\n}}\n"
    (folder / "Caddyfile").write_text(options + lines)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"]


def led_here(look_up: Callable[..., Any], host: Any, *more: Any, **options: Any) -> Any:
    """The name leads to this machine, as it does for visitors."""
    return look_up("127.0.0.1" if host in (NAME, NAME.encode()) else host, *more, **options)


@contextmanager
def running(command: list[str], log: Path, port: int, context: ssl.SSLContext) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env={"HOME": str(log.parent), "PATH": "/usr/sbin:/usr/bin:/bin"}
        )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"https://{NAME}:{port}/livez", verify=context)
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [nginx, caddy], ids=lambda each: each.__name__)
async def test_a_proxy_of_the_page_does_what_the_page_says(
    database: Database,
    servers: Servers,
    tmp_path: Path,
    proxy: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with database.write("system") as session:
        person = await accounts.add_user(session, "ann@example.org")
        token = await create_token(session, person.id, name="x", scopes=USUAL, lasts=None)
    authority = Authority(tmp_path)
    authority.server(NAME)  # the file with its certificate and key
    port, behind, plain = free_port(), free_port(), free_port()
    names = ssl.create_default_context(cafile=str(authority.file))
    monkeypatch.setattr(socket, "getaddrinfo", partial(led_here, socket.getaddrinfo))
    environ = environment(servers, tmp_path, BASE_URL=f"https://{NAME}:{port}", LOG_FORMAT="json")
    with (
        web(environ, tmp_path / "web.log", behind, by_command=True) as serving,
        running(proxy(tmp_path, port, behind, plain), tmp_path / "proxy.log", port, names),
        httpx.Client(
            base_url=f"https://{NAME}:{port}", transport=httpx.HTTPTransport(verify=names, local_address=VISITOR)
        ) as visitor,
    ):
        page = visitor.get("/login", headers={"X-Forwarded-For": "203.0.113.9"})
        assert (page.status_code, "strict-transport-security" in page.headers) == (200, True)
        field = re.search(r'name="_csrf_token" value="([^"]+)"', page.text)
        assert field
        form = {"_csrf_token": field[1], "email": "ann@example.org", "next": ""}
        assert visitor.post("/login", data=form).status_code == 303  # Host arrives as it was sent
        bearer = {"Authorization": f"Bearer {token}"}
        with visitor.stream("GET", "/api/v1/events", headers=bearer, timeout=10) as events:
            assert events.status_code == 200
            assert next(events.iter_raw())  # at once, not when a buffer is full
        upload = visitor.post("/api/v1/postings/preview", headers=bearer, content=b"x" * 11 * MB)
        assert upload.status_code != 413, upload.text
        assert "X-Request-Id" in upload.headers  # it has arrived
        assert visitor.post("/api/v1/postings/preview", headers=bearer, content=b"x" * 13 * MB).status_code == 413
        moved = httpx.get(f"http://127.0.0.1:{plain}/login", headers={"Host": NAME})
        assert moved.status_code in (301, 308) and moved.headers["location"].startswith(f"https://{NAME}")
        lines = [json.loads(line) for line in serving.said().splitlines() if '"request"' in line]
        asked = {line["address"] for line in lines if line["route"].startswith(("/login", "/api"))}
        assert asked == {VISITOR}, lines
