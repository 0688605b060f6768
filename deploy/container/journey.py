"""The main job, done by the image: everything a first day of an installation asks of it, over HTTP and mail only."""

import email
import email.policy
import html
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from deploy.container.image import Image, inside
from deploy.servers import Around
from holdgate.client import Client

ADMIN = "ann@example.org"
SECONDS = 60.0
GRACE = 25.0  # SHUTDOWN_GRACE and the end of everything else; compose.yaml gives 30


@dataclass(frozen=True)
class Container:
    """A running command of the image, as process 1 of its own."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def stop(self) -> int:
        """SIGTERM to process 1, as `docker stop` does; its exit status."""
        parent = self.process.pid
        (first,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        os.kill(int(first), signal.SIGTERM)
        return self.process.wait(GRACE)


class Runs:
    """Starts commands of the image with an environment, like compose.yaml does."""

    def __init__(self, image: Image, environ: Mapping[str, str], logs: Path) -> None:
        self._image, self._environ, self._logs = image, environ, logs

    def _command(self, arguments: Sequence[str], **more: str) -> list[str]:
        return inside(self._image, arguments, {**self._image.environ, **self._environ, **more})

    def once(self, *arguments: str) -> str:
        """What `holdgate …` prints; it must end well."""
        done = subprocess.run(self._command((*self._image.entrypoint, *arguments)), capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def refused(self, *arguments: str) -> str:
        """What it says when it must not go on, here without any setting."""
        command = inside(self._image, (*self._image.entrypoint, *arguments), self._image.environ)
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1 and not done.stdout, f"{arguments}: {done}"
        return done.stderr

    def healthy(self, **more: str) -> bool:
        return subprocess.run(self._command(self._image.healthcheck, **more)).returncode == 0

    @contextmanager
    def started(self, *arguments: str, **more: str) -> Iterator[Container]:
        log = self._logs / f"{arguments[0]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self._command((*self._image.entrypoint, *arguments), **more), stdout=file, stderr=subprocess.STDOUT
            )
        container = Container(arguments[0], process, log)
        try:
            yield container
        except BaseException:
            print(f"--- {arguments[0]} said:\n{log.read_text(errors='replace')[-4000:]}")
            raise
        finally:
            process.kill()  # and process 1 with it: `unshare --kill-child`
            process.wait()


def travel(image: Image, around: Around, ports: tuple[int, int], logs: Path, say: Callable[[str], None]) -> None:
    """Raises AssertionError where the image does not do its job."""
    web_port, metrics_port = map(str, ports)
    base = f"http://127.0.0.1:{web_port}"
    runs = Runs(image, {**around.environ, "BASE_URL": base}, logs)
    _keeps_to_itself(image, runs)
    said = runs.refused("web")
    assert all(name in said for name in ("DATABASE_URL", "SECRET_KEY", "SMTP_URL")), said
    version = runs.once("--version").split()[1]
    assert image.labels["org.opencontainers.image.version"] == version, "the label tells another version"
    say(f"version {version}; without settings it names all that are missing")
    said = runs.once("migrate")
    assert runs.once("migrate") == said and "which this release needs" in said, said
    runs.once("user", "add", ADMIN, "--admin")
    token = runs.once("token", "create", ADMIN)
    say("migrated an empty database, twice; let somebody in")
    # Both share this machine's loopback, so each is told a port that nobody listens on in place of the other's.
    only_web, only_worker = {"PORT": web_port, "METRICS_PORT": "1"}, {"PORT": "1", "METRICS_PORT": metrics_port}
    with (
        runs.started(*image.command, **only_web) as web,
        runs.started("worker", **only_worker) as worker,
        httpx.Client(base_url=base, follow_redirects=True, timeout=20) as browser,
        Client(base, token) as program,
    ):
        _until(lambda: runs.healthy(**only_web) and runs.healthy(**only_worker), "both are healthy")
        assert not runs.healthy(PORT="1", METRICS_PORT="1"), "the health check finds nothing wrong where nobody is"
        say("web and worker are healthy, each as process 1 of its own, as user " + image.user)
        _signs_in(browser, around, version)
        say("the first page with its styles; signed in by the link in a mail")
        _works(program, browser, around, base)
        say("20 tasks done; one held, was approved by the link in its mail, and went on; a report was written")
        slow = program.enqueue("sample.task", {"seconds": 2})
        _until(lambda: program.task(slow).state == "running", "the slow task runs")
        assert worker.stop() == 0, "the worker does not end well on SIGTERM"
        assert program.task(slow).state == "succeeded", "the task in hand was not let end"
        assert not runs.healthy(**only_worker)
        assert web.stop() == 0, "the web server does not end well on SIGTERM"
        say("SIGTERM: the worker let its task end, both ended with 0")


def _keeps_to_itself(image: Image, runs: Runs) -> None:
    """Nothing to compile with, and nowhere to write but /data and /tmp."""
    shell = replace(image, entrypoint=())
    look = Runs(shell, {}, Path())
    found = look.once("sh", "-c", "command -v cc gcc g++ make apt-key pip || true; ls -A /root; ls /opt/holdgate/bin")
    assert not re.search(r"^(.*/)?(cc|gcc|g\+\+|make|pip\d*|\.cache)$", found, re.MULTILINE), found
    assert look.once("id", "-u") != "0"
    wrote = look.once(
        *("sh", "-c"),
        "for place in / /opt/holdgate/lib /etc /var/tmp /root /data /tmp; do"
        " (: > $place/tried) 2>/dev/null && rm $place/tried && echo $place; done; true",
    )
    assert wrote.split() == ["/data", "/tmp"], f"written: {wrote}"


def _signs_in(browser: httpx.Client, around: Around, version: str) -> None:
    first = browser.get("/")
    assert first.status_code == 200 and "Holdgate" in first.text
    styles = re.findall(r'href="(/static/[^"]+\.css)"', first.text)
    assert styles and all(browser.get(address).status_code == 200 for address in styles)
    _send(browser, browser.get("/login"), "/login", email=ADMIN)
    link = _mailed(around, "sign-in link", r"/login/[^\s>]+")
    page = _send(browser, browser.get(link), "/login/")
    assert page.url.path == "/overview", page.url
    assert f"Holdgate {version}" in page.text


def _works(program: Client, browser: httpx.Client, around: Around, base: str) -> None:
    tasks = [{"kind": "sample.task", "payload": {"steps": 2}} for _ in range(20)]
    run = program.create_run("A first run", tasks).id
    held = program.enqueue("sample.task", {"hold": "approval"}, title="One that asks")
    link = _mailed(around, "let the sample task end", r"/review/[^\s>]+")
    page = browser.get(link)
    assert program.task(held).state == "pending_approval", "opening the link decided"
    time.sleep(2.5)  # an answer within two seconds is a robot's and is refused
    answer = _send(browser, page, "/review", decision="approve")
    assert answer.status_code == 200, answer.text
    assert program.wait(held, SECONDS).state == "succeeded"
    _until(lambda: not list(program.iter_tasks(run_id=str(run), state="queued")), "the run is worked off")
    _until(lambda: len(list(program.iter_tasks(run_id=str(run), state="succeeded"))) == 20, "all of the run succeeded")
    report = program.enqueue("report.generate", {"run_id": str(run)})
    done = program.wait(report, SECONDS)
    assert done.state == "succeeded", done
    files = re.findall(r'href="(/[^"]*artifacts[^"]*)"', browser.get(f"/tasks/{report}").text)
    assert len(set(files)) >= 3 and all(browser.get(html.unescape(one)).status_code == 200 for one in files), files


def _send(browser: httpx.Client, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
    """The page's form that goes to `action`, as a browser sends it; `fields` is what a person fills in."""
    assert page.status_code == 200, f"{page.url}: {page.status_code}"
    form = next(part for part in page.text.split("<form")[1:] if f'action="{action}' in part.split(">")[0])
    head, body = form.split(">", 1)
    inputs = (dict(re.findall(r'(\w+)="([^"]*)"', one)) for one in re.findall(r"<input[^>]*>", body.split("</form")[0]))
    hidden = {one["name"]: html.unescape(one.get("value", "")) for one in inputs if one.get("type") == "hidden"}
    (address,) = re.findall(r'action="([^"]+)"', head)
    return browser.post(html.unescape(address), data={**hidden, **fields}, headers={"Origin": _origin(page)})


def _origin(page: httpx.Response) -> str:
    return f"{page.url.scheme}://{page.url.netloc.decode()}"


def _mailed(around: Around, subject: str, link: str) -> str:
    """The first link of that form in a mail with that subject; waits for it."""
    found: list[str] = []

    def look() -> bool:
        for path in sorted(around.mails.glob("*.eml")):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = message.get_body(("plain",))
            if body is not None and re.search(subject, str(message["Subject"]), re.IGNORECASE):
                found.extend(re.findall(link, body.get_content()))
        return bool(found)

    _until(look, f"a mail {subject!r} with a link arrives")
    return found[0]


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"It did not come to this: {what}."
        time.sleep(0.1)
