"""Measures Holdgate beside other queues, interleaved, and writes bench/RESULTS.md.

Each round takes the measures in turn, and within a measure the queues in turn: what is compared is measured within
seconds of one another, on servers that it has to itself. Every queue gets a fresh database for every measure.
"""

import argparse
import asyncio
from pathlib import Path

from bench.peers import results
from bench.peers.measures import MEASURES, applies
from bench.peers.places import Place, place

PEERS = ("holdgate", "holdgate_stock", "bare", "pgqueuer", "saq", "dramatiq", "arq", "procrastinate", "dbos")
RESULTS = Path("bench/RESULTS.md")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=20_000, help="of a round; slow peers get a share of it")
    parser.add_argument("--peers", default=",".join(PEERS), help="beside holdgate, which is always there")
    parser.add_argument("--measures", default=",".join(MEASURES))
    parser.add_argument("--write", type=Path, default=None, help=f"where the results go; {RESULTS} if all was measured")
    given = parser.parse_args()
    peers = ["holdgate", *(peer for peer in given.peers.split(",") if peer and peer != "holdgate")]
    measures = given.measures.split(",")
    if unknown := (set(peers) - set(PEERS)) | (set(measures) - set(MEASURES)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*PEERS, *MEASURES))}")
    with place() as there:
        found = asyncio.run(measure(there, peers, measures, given.tasks, given.rounds))
    page = results.page(found)
    whole = set(peers) == set(PEERS) and set(measures) == set(MEASURES) and given.rounds >= 5
    if (path := given.write or (RESULTS if whole else None)) is not None:
        path.write_text(page)
    print(page)


async def measure(there: Place, peers: list[str], measures: list[str], tasks: int, rounds: int) -> results.Found:
    about = {peer: await there.make(peer) for peer in peers}
    found = results.Found(about, await there.about_server(), tasks, rounds)
    for number in range(rounds):
        for name in measures:
            for peer in (each for each in peers if applies(name, each)):
                figures = await MEASURES[name](there, peer, tasks)
                found.add(peer, number, figures)
                told = ", ".join(f"{key} {value:,.1f}" for key, value in figures.items())
                print(f"round {number + 1} {peer:14} {told}", flush=True)
    found.end()
    return found


if __name__ == "__main__":
    main()
