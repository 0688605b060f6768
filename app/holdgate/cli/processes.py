"""Commands that run for long: everything for development, a web server, a worker."""

import os
import signal
import sys

import click

from holdgate.cli.attached import given


@click.command()
@click.option("--reload", is_flag=True, help="Start web server and worker again when a file of the project changes.")
def dev(reload: bool) -> None:
    """Set up and start everything on this machine: servers, migrations, web server, worker.

    In a checkout of Holdgate also the careers site and sample data.
    """
    from holdgate import development
    from holdgate.core.project import environment

    development.run(environment(os.environ), reload=reload)


@click.command()
@click.option("--host", help="The address it listens on, as HOST. Default: 0.0.0.0 in production, else 127.0.0.1.")
def web(host: str | None) -> None:
    """Run a web server process on PORT."""
    import uvicorn

    from holdgate.web.http.connection import MAX_CONNECTIONS, HttpConnection

    settings = given()
    # When all is done, uvicorn raises the signal that stopped it once more. Whoever stops it expects a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "holdgate.asgi:create",
        factory=True,
        app_dir=".",  # kinds of one's own, as arq finds them
        host=host or settings.listens_on,
        port=settings.port,
        http=HttpConnection,
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        access_log=False,
        server_header=False,
        # An open stream of /events would never let it end by itself.
        timeout_graceful_shutdown=3,
        # `holdgate dev` tells where it runs.
        log_level="warning" if settings.development else "info",
    )


@click.command()
def worker() -> None:
    """Run a worker process (the same as `arq holdgate.worker.WorkerSettings`)."""
    given()
    os.execv(sys.executable, [sys.executable, "-m", "arq", "holdgate.worker.WorkerSettings"])  # noqa: S606
