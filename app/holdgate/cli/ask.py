"""Asking people from a shell: `holdgate ask` and `holdgate mcp`. They need a URL and a token, and no installation."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid4

import click

if TYPE_CHECKING:
    from holdgate.client import Client, Decision

REJECTED, UNUSABLE, NEVER_DECIDED, STILL_OPEN, ALREADY_USED, INTERRUPTED = 1, 2, 3, 4, 5, 130

url_option = click.option(
    "--url", envvar=["HOLDGATE_URL", "BASE_URL"], required=True, help="Where Holdgate is. Or HOLDGATE_URL, or BASE_URL."
)
token_option = click.option(
    "--token", envvar="HOLDGATE_TOKEN", required=True, help="With the scope approvals:create. Or HOLDGATE_TOKEN."
)


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[int | str]):
    """`90` (seconds), `20m`, `2h`, `1d`; also `PT20M`, as ISO 8601 has it. Gives seconds, or that text."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        text = str(value).strip()
        if text == "suggested":
            return text
        if text.upper().startswith("P"):
            return text.upper()
        number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
        try:
            return round(float(number) * UNITS[unit])
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no duration. Write 90s, 20m, 2h or 1d.", param, ctx)


@click.command()
@url_option
@token_option
@click.option("--title", help="What is asked, in one line.")
@click.option(
    "--to",
    multiple=True,
    metavar="WHO",
    help="An address, or group:NAME. May be given several times. Default: your own.",
)
@click.option(
    "--show",
    "shown",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file that is shown: Markdown, JSON or text; - is standard input. May be given several times.",
)
@click.option("--form", type=click.Path(exists=True, dir_okay=False), help="A form to fill in: a file of JSON Schema.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME", help="A choice instead of approving. NAME:stop rejects."
)
@click.option(
    "--ttl",
    type=Duration(),
    help="How long they have: 90s, 20m, 2h, 1d, or suggested, by what people needed so far. Default: the server's.",
)
@click.option("--clock", type=click.Choice(["wall", "working"]), help="working: count people's working hours alone.")
@click.option("--urgent", is_flag=True, default=None, help="Remind people in their quiet hours as well.")
@click.option("--request-changes", is_flag=True, default=None, help="They may also say what should be different.")
@click.option("--needed", type=click.IntRange(1), help="How many must approve.")
@click.option("--level", type=click.Choice(["link", "sign-in"]), help="Whether the emailed link alone is enough.")
@click.option("--callback", metavar="URL", help="Is told the decision, by a signed webhook.")
@click.option(
    "--metadata", multiple=True, metavar="NAME=VALUE", help="Comes back with the decision, and is shown to nobody."
)
@click.option("--key", default="", help="Run again with the same key within 24 hours, nobody is asked twice.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the decision, or print the request.")
@click.option("--id", "request_id", type=click.UUID, help="Do not ask anew: wait for this request.")
@click.option("--use", is_flag=True, help="Take the approval: it is good for one run, whoever else looks at it.")
@click.option("--receipt", type=click.Path(dir_okay=False), help="Keep the signed receipt here: holdgate verify FILE.")
@click.option("--json", "in_one_line", is_flag=True, help="JSON in one line; refusals, too, on standard error.")
def ask(**given: Any) -> None:
    """Ask people, wait, and print the decision as JSON on standard output; everything else is on standard error.

    \b
    Exit status 0: approved (with --no-wait: asked).
                1: rejected, or changes were requested.
                2: wrong usage, a refusal, or no server.
                3: expired or cancelled.
                4: still open, with --id and --no-wait.
                5: approved, and used before, with --use.
              130: Ctrl-C, and the request is still open.
    """
    import httpx

    from holdgate.client import Client, Problem

    new = given["request_id"] is None
    if new and not given["title"]:
        raise click.UsageError("Say what is asked: --title. Or wait for an earlier request: --id.")
    if not new and (given["title"] or given["to"]):
        raise click.UsageError("--id waits for an earlier request. Leave out --title and --to.")
    body = _body(given) if new else {}
    one_line = given["in_one_line"]
    try:
        with Client(given["url"], given["token"]) as hold:
            request_id = given["request_id"]
            if new:
                made = hold.post("/approvals", body, once=given["key"] or str(uuid4()))
                click.echo(f"Asked: {made['url']}", err=True)
                request_id = UUID(made["id"])
                if not given["wait"]:
                    _print(made, one_line)
                    return
            elif given["wait"]:
                hold.decision(request_id)  # so that a wrong id or address is told at once
            decision = _wait(hold, request_id) if given["wait"] else hold.decision(request_id)
            if given["receipt"] and decision.receipt:
                Path(given["receipt"]).write_bytes(hold.receipt(request_id))
            status = _status(decision)
            if status == 0 and given["use"]:
                status = _take(hold, request_id)
    except Problem as problem:
        _refuse(str(problem), one_line, problem)
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        _refuse(f"{given['url']} does not answer: {error or type(error).__name__}", one_line)
    except OSError as error:
        _refuse(str(error), one_line)
    except KeyboardInterrupt:  # before the request was there
        sys.exit(INTERRUPTED)
    _print(_plain(decision), one_line)
    sys.exit(status)


def _body(given: dict[str, Any]) -> dict[str, Any]:
    body = {
        "title": given["title"],
        "recipients": list(given["to"]),
        "show": [_block(path) for path in given["shown"]],
        "form": _read_json(given["form"]) if given["form"] else None,
        "options": [_option(name) for name in given["options"]],
        "ttl": given["ttl"],
        "clock": given["clock"],
        "urgent": given["urgent"],
        "request_changes": given["request_changes"],
        "needed": given["needed"],
        "level": given["level"],
        "callback_url": given["callback"],
        "metadata": dict(_metadata(text) for text in given["metadata"]),
    }
    return {name: value for name, value in body.items() if value not in (None, [], {}, "")}


def _metadata(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--metadata {text!r} has no value. Write NAME=VALUE.")
    return name, value


def _option(text: str) -> dict[str, Any]:
    name, colon, kind = text.rpartition(":")
    return {"name": name, "goes_on": False} if colon and kind == "stop" else {"name": text, "goes_on": True}


def _block(path: str) -> dict[str, Any]:
    """A file as a person reads it."""
    name, end = (Path(path).name, Path(path).suffix.lower()) if path != "-" else ("Standard input", "")
    if end == ".json":
        return {"type": "json", "label": name, "value": _read_json(path)}
    try:
        text = (sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()).decode()
    except UnicodeDecodeError:
        raise click.UsageError(f"{name} is no text in UTF-8. Show what a person can read.") from None
    return {"type": "markdown" if end in (".md", ".markdown") else "text", "label": name, "text": text}


def _read_json(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.UsageError(f"{path} is no JSON: {error}.") from None


def _wait(hold: "Client", request_id: UUID) -> "Decision":
    """Until it is decided or over. Ctrl-C asks what shall become of the request."""
    from holdgate.client.asking import wait_decision

    try:
        return hold._perform(wait_decision(request_id, None))
    except KeyboardInterrupt:
        click.echo("", err=True)
        if sys.stdin.isatty() and _wants_to_cancel():
            return _cancel(hold, request_id)
        click.echo(f"The request is still open. Wait for it: holdgate ask --id {request_id}", err=True)
        sys.exit(INTERRUPTED)


def _cancel(hold: "Client", request_id: UUID) -> "Decision":
    from holdgate.client import Problem

    try:
        hold.cancel_approval(request_id)
    except Problem as problem:  # somebody has decided in this moment
        click.echo(problem.detail, err=True)
    return hold.decision(request_id)


def _wants_to_cancel() -> bool:
    try:
        return click.confirm("Cancel the request?", err=True, default=False)
    except click.Abort:  # Ctrl-C once more
        return False


def _plain(decision: "Decision") -> Any:
    return {
        "id": str(decision.id),
        "task_id": str(decision.task_id),
        "state": decision.state,
        "decision": None
        if decision.by is None
        else {
            "option": decision.option,
            "form": decision.form,
            "by": decision.by,
            "at": decision.at.isoformat() if decision.at else None,
            "reason": decision.reason,
        },
        "receipt": decision.receipt,
        "metadata": decision.metadata,
    }


def _print(value: Any, one_line: bool) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=None if one_line else 2))


def _status(decision: "Decision") -> int:
    if decision.pending:
        return STILL_OPEN
    if decision.approved:
        return 0
    return REJECTED if decision.state in ("rejected", "changes_requested") else NEVER_DECIDED


def _take(hold: "Client", request_id: UUID) -> int:
    from holdgate.client import Problem

    try:
        hold.use(request_id)
    except Problem as problem:
        if problem.status != 409:
            raise
        click.echo(problem.detail, err=True)
        return ALREADY_USED
    return 0


def _refuse(sentence: str, one_line: bool, problem: Any = None) -> NoReturn:
    told = {"status": getattr(problem, "status", 0), "detail": sentence, "errors": getattr(problem, "errors", [])}
    click.echo(json.dumps(told, ensure_ascii=False) if one_line else f"Error: {sentence}", err=True)
    sys.exit(UNUSABLE)


@click.command()
@url_option
@token_option
def mcp(url: str, token: str) -> None:
    """Let an AI agent ask people: the Model Context Protocol over standard input and output.

    For agents that start their servers themselves. Others use URL/mcp, with the token as a bearer token.
    """
    import asyncio

    try:
        from holdgate.mcp.stdio import serve
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("holdgate"):
            raise
        raise click.ClickException(f"This needs the package {missing.name}: install holdgate[mcp].") from missing
    asyncio.run(serve(url, token))
