"""No regular expression of ours takes time that grows faster than its text: on the event loop everybody would wait."""

import ast
import importlib
import re
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdgate.accounts.sign_in.next_path import local_path
from holdgate.approvals.evidence.link_opens import sign_of_scanner
from holdgate.core.text.addresses import BadAddress, canonical_address, checked_address
from holdgate.core.text.masking import masked_text
from holdgate.postings.canonical_url import canonical_url
from holdgate.postings.formats.description import sanitised
from holdgate.postings.formats.page import read_page
from holdgate.tasks.failures.fingerprints import normalised

ROOT = Path(__file__).parents[2]
METHODS = {"search", "match", "fullmatch", "sub", "findall", "finditer", "split"}
PUMPS = ("a", "0", " ", "\n", "<", "/", "?", "&", "=", ".", "-", "%", '"', "“", "{", "[", ":", "@", "a.", "a@", "<a ")
SHORT, LONG = 4_000, 64_000  # characters
SLOWEST = 0.0015  # seconds for 4 kB: a pattern that reads its text some times over needs a tenth of it
GROWTH = 64  # of the time from the short to the long text: 16 would be linear, 256 is the square


class Use(NamedTuple):
    where: str
    method: str
    pattern: re.Pattern[Any]


def found_in(value: Any) -> Iterator[re.Pattern[Any]]:
    """The compiled patterns in what a module names, also in its tuples and dictionaries."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from found_in((*value.keys(), *value.values()))
    elif isinstance(value, (tuple, list, set, frozenset)):
        for each in value:
            yield from found_in(each)


def all_uses() -> list[Use]:
    """Every pattern in app/, and how it is applied: a `match` begins at one place, a `search` at each."""
    trees = {path: ast.parse(path.read_text()) for path in sorted((ROOT / "app").rglob("*.py"))}
    uses: list[Use] = []
    methods: dict[str, set[str]] = {}
    for path, tree in trees.items():
        file = path.relative_to(ROOT)
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant):
                uses.append(Use(f"{path.name}:{node.value.value!r}", "search", re.compile(str(node.value.value))))
            if isinstance(node, ast.Attribute) and node.attr in METHODS:  # called, or handed to `map`
                methods.setdefault(getattr(node.value, "id", getattr(node.value, "attr", "")), set()).add(node.attr)
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{method}" for method in METHODS}):
                continue
            if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                method = ast.unparse(node.func).removeprefix("re.")
                uses.append(Use(f"{file}:{node.lineno}", method, re.compile(node.args[0].value)))
    for path, tree in trees.items():
        if "re.compile" not in path.read_text():
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT / "app").with_suffix("").parts))
        targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
        for name in sorted({target.id for target in targets if isinstance(target, ast.Name)}):
            for number, pattern in enumerate(found_in(vars(module)[name])):
                for method in sorted(methods.get(name, {"sub"})):
                    uses.append(Use(f"{module.__name__}.{name}[{number}]", method, pattern))
    return uses


@pytest.fixture(scope="module")
def uses() -> list[Use]:
    return all_uses()


def test_the_patterns_are_found(uses: list[Use]) -> None:
    where = {use.where for use in uses}
    assert len(where) > 60
    assert {"holdgate.core.text.masking._QUERY[0]", "holdgate.tasks.failures.fingerprints._VARIABLE[3]"} <= where


def seconds(work: Callable[[], object], times: int) -> float:
    """Of the processor, the least of some goes: others use this machine, too."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def applied(use: Use, text: str) -> Callable[[], object]:
    given: Any = text.encode() if isinstance(use.pattern.pattern, bytes) else text
    match use.method:
        case "sub":
            return lambda: use.pattern.sub(given[:0], given)
        case "finditer":
            return lambda: list(use.pattern.finditer(given))
    return lambda: getattr(use.pattern, use.method)(given)


def pumped(head: str, pump: str, length: int) -> str:
    return head + pump * (length // len(pump)) + "\0"


def grows(of: Callable[[str], Callable[[], object]], head: str, pump: str) -> float:
    """How much longer the long text takes; 0 while the short one is done at once."""
    short = of(pumped(head, pump, SHORT))
    if seconds(short, 1) < SLOWEST or (little := seconds(short, 3)) < SLOWEST:
        return 0
    return seconds(of(pumped(head, pump, LONG)), 1) / little


def test_no_pattern_takes_more_than_linear_time(uses: list[Use]) -> None:
    assert [slow for use in uses for slow in islice(slow_texts(use), 1)] == []


def slow_texts(use: Use) -> Iterator[str]:
    """What a pattern takes too long for: the common shapes, and such as are made of its own characters."""
    source = use.pattern.pattern if isinstance(use.pattern.pattern, str) else use.pattern.pattern.decode()
    words = list(dict.fromkeys(re.findall(r"[A-Za-z0-9]+|[^\w\s\\]", source)))[:20]
    for pump in dict.fromkeys((*PUMPS, *words)):
        for head in ("", *words[:3]):
            if grows(lambda text: applied(use, text), head, pump) >= GROWTH:
                yield f"{use.where} {use.method}: {head!r}, then {pump!r} repeated"


def refusing(function: Callable[[str], object], *refusals: type[Exception]) -> Callable[[str], object]:
    def called(text: str) -> object:
        try:
            return function(text)
        except refusals as refusal:
            return refusal

    return called


READERS: dict[str, Callable[[str], object]] = {
    "secrets": masked_text,
    "errors": normalised,
    "addresses of postings": refusing(canonical_url, ValueError),
    "hosts of postings": refusing(lambda text: canonical_url(f"https://{text}/"), ValueError),
    "descriptions": refusing(sanitised, ValueError),
    "pages": read_page,
    "user agents": lambda text: sign_of_scanner("GET", {"user-agent": text}),
    "mail addresses": refusing(checked_address, BadAddress),
    "mail domains": refusing(lambda text: checked_address(f"a@{text}"), BadAddress),
    "people": lambda text: canonical_address(f"a@{text}"),
    "places": local_path,
}
WORDS = ("://", "eyJ", "hg_", "bearer ", "basic\t", "?token", "&key=", "a://", "a:b@", "<p>", "<!--", "<script ", "ü.")


@pytest.mark.parametrize("reader", READERS)
def test_reading_takes_no_more_than_linear_time(reader: str) -> None:
    read = READERS[reader]
    for pump in (*PUMPS, *WORDS):
        for head in ("", "https://h/?", "“"):
            assert grows(lambda text: lambda: read(text), head, pump) < GROWTH, f"{head!r}, then {pump!r} repeated"


def test_eight_kilobytes_of_question_marks_are_looked_at_at_once() -> None:
    assert seconds(lambda: masked_text("?" * 8000), 3) < 0.1  # it was 7.7 s
