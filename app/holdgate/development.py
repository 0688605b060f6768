"""`holdgate dev`: everything on one machine until Ctrl-C; in a checkout with the careers site and sample data."""

import asyncio
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import click

from holdgate.accounts import service as accounts
from holdgate.accounts.sign_in.links import create_sign_in_link
from holdgate.core.config import Settings, load
from holdgate.core.db import Database, WriteSession
from holdgate.core.paths import CHECKOUT, HOME
from holdgate.core.postgres.outages import AWAY
from holdgate.embedded.attach import attached, stop_started
from holdgate.embedded.children import Children, at_terminal
from holdgate.embedded.reload import CodeWatch
from holdgate.schema import migrate

DEVELOPER = "admin@holdgate.localhost"
# Its careers site and sample data are part of a checkout, and are nothing to a project that has it installed from one.
SANDBOX = CHECKOUT and Path.cwd().is_relative_to(HOME)
AWAITED = "Waiting for a change …"
MOST_NAMED = 3  # files in a line
SLOW = 15.0  # seconds after which a start says that it is still waiting

T = TypeVar("T")


def run(environ: Mapping[str, str], *, reload: bool = False) -> None:
    """Start, say where it is, wait, stop all of it.

    Args:
        environ: with the settings of the project's files.
        reload: start the web server and the worker again when the project's code changes.
    """
    given = load(environ)
    if not given.development:
        raise click.ClickException("`holdgate dev` is for development, but ENVIRONMENT is production.")
    port = _port(environ, "PORT", given.port)
    careers = _port(environ, "CAREERS_PORT", given.careers_port)
    here = {"PORT": str(port), "CAREERS_PORT": str(careers), "DATA_DIR": str(given.data_dir)}
    # Whoever presses Ctrl-C wants it to stop; what is in hand is put back unharmed.
    children = Children({"SHUTDOWN_GRACE": "3", **environ, **here})
    settings = load({**environ, **here})
    watch = CodeWatch(Path()) if reload else None
    try:
        settings = attached(settings, start=True)
        migrate(settings.database_url, pooler=settings.database_pooler)
        if SANDBOX:
            data = str(settings.data_dir / "careers")
            children.start("careers", "sandbox.careers", "--port", str(careers), "--data-dir", data)
        while watch is not None and (problem := _unloadable(children.environ)) is not None:
            click.echo(f"{problem}\n{AWAITED}")
            if not watch.wait(lambda: children.stopping):
                return
        children.start("web", "holdgate.cli", "web", "--host", "127.0.0.1")
        children.start("worker", "arq", "holdgate.worker.WorkerSettings")
        if _answers(children, port):
            link = in_transaction(settings, lambda session: prepare(session, settings))
            _welcome(settings, link, own_database=not given.database_url)
            look = partial(_reload, children, watch) if watch is not None else None
            ended = children.keep(click.echo, lambda: _another_link(settings), look)
            if ended is not None:
                raise click.ClickException(f"The {ended} process does not stay up; see above. Everything is stopped.")
    finally:
        if watch is not None:
            watch.close()
        children.end()
        stop_started(given)


def _unloadable(environ: Mapping[str, str]) -> str | None:
    """Why the project's kinds cannot be loaded: tried in a process of its own, since what is imported once stays."""
    command = [sys.executable, "-m", "holdgate.cli", "kinds"]
    tried = subprocess.run(command, env=environ, capture_output=True, text=True, start_new_session=True)  # noqa: S603
    return None if tried.returncode == 0 else tried.stderr.strip()


def _reload(children: Children, watch: CodeWatch) -> None:
    if not (changed := sorted(watch.changed())):
        return
    what = ", ".join(changed[:MOST_NAMED]) + (" and others" if len(changed) > MOST_NAMED else "")
    if (problem := _unloadable(children.environ)) is not None:
        click.echo(f"{what} changed. {problem}\n{AWAITED}")
    else:
        children.restart("web", "worker")
        click.echo(f"{what} changed: web server and worker are started again.")


def _port(environ: Mapping[str, str], name: str, usual: int) -> int:
    """The port that was asked for; else the usual one or the next free: two checkouts do not collide."""
    if name in environ:
        if not _is_free(usual):
            raise click.ClickException(f"Port {usual} is in use. Set {name} to another one, or leave it out.")
        return usual
    return next((port for port in range(usual, usual + 50) if _reserve(port) and _is_free(port)), usual)


_reserved: list[int] = []


def _reserve(port: int) -> bool:
    """Two starts at the same moment must not choose the same port. The lock ends with this process."""
    try:
        lock = os.open(f"/tmp/holdgate-port-{port}", os.O_CREAT | os.O_RDONLY | os.O_NOFOLLOW, 0o644)  # noqa: S108
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    _reserved.append(lock)
    return True


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(children: Children, port: int) -> bool:
    """Wait for the web server, as long as it lives: a busy machine is slow. False: somebody has pressed Ctrl-C."""
    patience = time.monotonic() + SLOW
    while not children.stopping:
        if (ended := children.ended()) is not None:
            raise click.ClickException(f"The {ended} process has ended at its start; see above.")
        try:
            with urlopen(f"http://127.0.0.1:{port}/livez", timeout=1):
                return True
        except (URLError, OSError):
            if time.monotonic() > patience:
                click.echo("Still waiting for the web server: this machine is slow or busy. Ctrl-C stops.")
                patience = time.monotonic() + SLOW
            time.sleep(0.05)
    return False


async def prepare(session: WriteSession, settings: Settings) -> str:
    """An administrator, in a checkout with sample data. Returns a sign-in link."""
    user = await accounts.add_user(session, DEVELOPER, admin=True, name="Alex Admin")
    if SANDBOX:
        from sandbox.demo import fill  # not part of the installed package

        await fill(session, user, f"http://127.0.0.1:{settings.careers_port}")
    return await create_sign_in_link(session, DEVELOPER, settings.base_url)


def _welcome(settings: Settings, link: str, *, own_database: bool) -> None:
    places = {
        "Holdgate runs at": settings.base_url,
        "Sign in (once)": link,
        "The API": f"{settings.base_url}/api/docs",
        "Email arrives at": "your SMTP server" if settings.smtp_url else f"{settings.base_url}/mailbox",
        "The database": settings.database_url.replace("+asyncpg", "") if own_database else "as DATABASE_URL says",
        "Your kinds": ", ".join(settings.kinds) or "none; name their modules in pyproject.toml or KINDS",
    }
    if SANDBOX:
        places["The careers site"] = f"http://127.0.0.1:{settings.careers_port}"
    click.echo("".join(f"\n  {what:<19} {where}" for what, where in places.items()))
    click.echo(f"  {'Enter shows another sign-in link, ' if at_terminal() else ''}Ctrl-C stops all of it.\n")


def _another_link(settings: Settings) -> None:
    """The first one is used up, out of date or somewhere above in the log."""
    try:
        link = in_transaction(settings, lambda session: create_sign_in_link(session, DEVELOPER, settings.base_url))
    except AWAY as problem:
        click.echo(f"No link: the database cannot be asked ({problem}).")
    else:
        click.echo(f"\n  Sign in (once)      {link}\n")


def in_transaction(settings: Settings, work: Callable[[WriteSession], Awaitable[T]]) -> T:
    """One transaction from the command line, as `system`."""

    async def run() -> T:
        database = Database(settings.database_url, name="holdgate cli", pool_size=1, pooler=settings.database_pooler)
        try:
            async with database.write("system") as session:
                return await work(session)
        finally:
            await database.dispose()

    return asyncio.run(run())
