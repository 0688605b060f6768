"""The command `holdgate load`."""

import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import click

from holdgate.load.mix import SHAPES, parse_mix

HERE = ("localhost", "127.0.0.1", "::1")
SELDOM = 5.0  # seconds between two lines where there is no terminal
INTERRUPTED = 130

HELP = """
Send tasks to a running installation by its API, watch them to the end, and say how it went.

They go into a run of their own, in the name of the token, which needs tasks:read and tasks:write (and
approvals:decide for --approve). Exit status 0: every task was accepted and ended as the mix says; 1: not so;
130: Ctrl-C. docs/load.md tells more.

\b
What can be sent:
""" + "\n".join(f"{shape.name:<20}{shape.about}" for shape in SHAPES.values())


@click.command(help=HELP)
@click.option("--url", envvar="BASE_URL", default="http://127.0.0.1:8000", show_default=True, help="Or BASE_URL.")
@click.option("--token", envvar="HOLDGATE_TOKEN", prompt=True, hide_input=True, help="Or HOLDGATE_TOKEN.")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="How many tasks.")
@click.option("--rate", type=click.FloatRange(0), default=0.0, help="Tasks a second; without it, as fast as it goes.")
@click.option(
    "--mix", default="sample.task", show_default=True, help="What, in which shares: sample.task=8,http.request."
)
@click.option("--concurrency", type=click.IntRange(1, 200), default=8, show_default=True, help="Connections that send.")
@click.option("--bulk", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Tasks in one request.")
@click.option("--approve", is_flag=True, help="Approve what its tasks ask; otherwise people have to.")
@click.option("--watch", is_flag=True, help="Also show how the queues stand.")
@click.option("--timeout", type=click.FloatRange(1), default=3600.0, show_default=True, help="Seconds for all of it.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON, for programs.")
@click.option("--yes", is_flag=True, help="Do not ask whether another machine's installation is meant.")
def load(
    url: str,
    token: str,
    count: int,
    rate: float,
    mix: str,
    concurrency: int,
    bulk: int,
    approve: bool,
    watch: bool,
    timeout: float,
    as_json: bool,
    yes: bool,
) -> None:
    import msgspec

    from holdgate.client import Problem
    from holdgate.load.report import table
    from holdgate.load.running import Interrupted, Plan, run

    base_url = url.rstrip("/")
    if not yes and urlsplit(base_url).hostname not in HERE:
        click.confirm(f"This makes {count:,} real tasks at {base_url}. Go on?", abort=True, err=True)
    plan = Plan(
        base_url=base_url,
        token=token,
        count=count,
        mix=parse_mix(mix),
        rate=rate,
        bulk=bulk,
        concurrency=concurrency,
        approve=approve,
        watch=watch,
        timeout=timeout,
    )
    began = time.monotonic()
    status = None
    try:
        figures = run(plan, _teller())
    except Problem as problem:
        raise click.ClickException(str(problem)) from problem
    except Interrupted as interrupted:
        figures = interrupted.figures
        status = 1 if time.monotonic() - began > timeout else INTERRUPTED
        click.echo("\nEnded before its end. What was made goes on; cancel the run if it should not.", err=True)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"fine": figures.fine, **msgspec.to_builtins(figures)})))
    else:
        click.echo("\n" + "\n".join(table(figures)))
    sys.exit(status if status is not None else 0 if figures.fine else 1)


def _teller() -> Callable[[str], None]:
    """One line that changes, on a terminal; otherwise a line every few seconds. On standard error."""
    if sys.stderr.isatty():
        return lambda line: click.echo(f"\r\x1b[K{line}", nl=False, err=True)
    told = [-SELDOM]

    def tell(line: str) -> None:
        if time.monotonic() - told[0] >= SELDOM:
            told[0] = time.monotonic()
            click.echo(line, err=True)

    return tell
