"""What a reader would understand is read, in whatever dialect, encoding and damage; and nothing by halves."""

import csv
import io
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdgate.postings.formats import ENCODINGS, FileReading, Parsed, parse, read
from holdgate.postings.formats.columns import ALIASES

NAMES = st.text("abcdefgh ÄÖÜäöüßéñ&'-", min_size=1, max_size=20).map(lambda text: f"x{' '.join(text.split())}")
JOBS = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=6)
HEADERS = st.tuples(*(st.sampled_from((name, name.upper(), *ALIASES[name])) for name in ("title", "company", "url")))


def written(header: tuple[str, ...], jobs: list[tuple[str, str]]) -> list[list[str]]:
    rows = [[title, company, f"https://job{n}.example/1"] for n, (title, company) in enumerate(jobs)]
    return [list(header), *rows]


def told(parsed: Parsed) -> list[tuple[str, str]]:
    assert parsed.errors == []
    return [(row.title, row.company) for row in parsed.rows]


@settings(max_examples=150, deadline=None)
@given(
    jobs=JOBS,
    header=HEADERS,
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    above=st.sampled_from(["", "My search\n", "\n\n"]),
    named=st.booleans(),
    trailing=st.booleans(),
    order=st.permutations(range(3)),
)
def test_every_dialect_of_csv_is_read(
    jobs: list[tuple[str, str]],
    header: tuple[str, ...],
    delimiter: str,
    newline: str,
    quoting: Any,
    encoding: str,
    above: str,
    named: bool,
    trailing: bool,
    order: list[int],
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    for row in written(header, jobs):
        writer.writerow([row[place] for place in order] + ([""] if trailing else []))
    first = f"sep={delimiter}{newline}" if named else above.replace("\n", newline)
    assert told(parse((first + out.getvalue()).encode(encoding), None)) == jobs


@settings(max_examples=100, deadline=None)
@given(jobs=JOBS, encoding=st.sampled_from(ENCODINGS))
def test_an_encoding_that_is_named_is_read_or_refused_as_a_whole(jobs: list[tuple[str, str]], encoding: str) -> None:
    lines = "\n".join(",".join(row) for row in written(("title", "company", "url"), jobs))
    try:
        data = lines.encode(encoding)
    except UnicodeEncodeError:
        return
    assert told(read(data, FileReading(encoding=encoding))) == jobs


def damaged(text: str, kind: str) -> str:
    """A block as sites write it, which browsers' other readers take."""
    match kind:
        case "comma":
            return text.replace("}", ",}").replace("]", ",]")
        case "lines":
            return text.replace("\\n", "\n").replace("\\t", "\t")
        case "cdata":
            return f"//<![CDATA[\n{text}\n//]]>"
        case "comment":
            return f"<!--{text}-->"
    return text


@settings(max_examples=150, deadline=None)
@given(
    jobs=JOBS,
    kinds=st.lists(st.sampled_from(["", "comma", "lines", "cdata", "comment"]), min_size=1, max_size=3),
    neighbours=st.lists(st.sampled_from(["{broken", '{"@type":"WebSite"}', "[]", ""]), max_size=3),
    shape=st.sampled_from(["blocks", "list", "graph"]),
    twice=st.booleans(),
)
def test_damage_that_others_take_costs_no_posting_nor_does_a_broken_neighbour(
    jobs: list[tuple[str, str]], kinds: list[str], neighbours: list[str], shape: str, twice: bool
) -> None:
    nodes = [
        {
            "@type": "JobPosting",
            "title": title,
            "hiringOrganization": {"name": company},
            "url": f"https://job{n}.example/1",
            "description": "One\ntwo\tthree",
        }
        for n, (title, company) in enumerate(jobs)
    ]
    shapes: dict[str, list[Any]] = {"blocks": nodes, "list": [nodes], "graph": [{"@graph": nodes}]}
    documents = shapes[shape]
    blocks = [json.dumps(document, ensure_ascii=False) for document in documents]
    for kind in kinds if len(kinds) == 1 else kinds[:1]:
        blocks = [damaged(block, kind) for block in blocks]
    everything = [*neighbours, *blocks, *(blocks[:1] if twice else [])]
    page = "".join(f'<script type="application/ld+json">{block}</script>' for block in everything)
    assert told(parse(f"<!doctype html><meta charset=utf-8>{page}".encode(), "a.html")) == jobs


@settings(max_examples=100, deadline=None)
@given(jobs=JOBS, bad=st.lists(st.sampled_from(["no title", "no url", "extra"]), min_size=1, max_size=4))
def test_a_good_row_is_read_whatever_its_neighbours_lack(jobs: list[tuple[str, str]], bad: list[str]) -> None:
    lacking = {"no title": ",Reed,https://bad.example/1", "no url": "Cook,Reed,", "extra": "Cook,Reed,bad.example,more"}
    good = [f"{title},{company},https://job{n}.example/1" for n, (title, company) in enumerate(jobs)]
    mixed = [line for n, line in enumerate(good) for line in (line, *([lacking[bad[n % len(bad)]]] if n < 3 else []))]
    parsed = parse("\n".join(["title,company,url", *mixed]).encode(), None)
    assert [(row.title, row.company) for row in parsed.rows] == jobs
    assert {error.row for error in parsed.errors} == {n for n, line in enumerate(mixed, 2) if line in lacking.values()}
