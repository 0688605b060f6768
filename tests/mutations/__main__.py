"""`python -m tests.mutations [WORDS …]`: breaks each place and runs its test; WORDS choose places by their names."""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from tests.mutations.running import SECONDS, Copy, Outcome
from tests.mutations.table import Mutation, mutations


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    arguments.add_argument("words", nargs="*", help="of the places to break; without any, all of them")
    arguments.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="how many at a time")
    given = arguments.parse_args()
    chosen = [
        each
        for each in mutations()
        if not given.words or any(word.lower() in each.name.lower() for word in given.words)
    ]
    if not chosen:
        sys.exit("No place has one of these words in its name. They stand in tests/mutations/*.toml.")
    for each in chosen:
        each.broken()  # before anything is started
    began = time.monotonic()
    copies = [Copy(number) for number in range(min(given.jobs, len({each.test for each in chosen})))]
    try:
        for copy in copies:
            copy.start()
        _check_unbroken(copies, chosen)
        outcomes = _break_each(copies, chosen)
    finally:
        for copy in copies:
            copy.stop()
    others = [each.name for each, outcome in zip(chosen, outcomes, strict=True) if outcome.status != "killed"]
    print(f"{len(chosen) - len(others)} of {len(chosen)} killed in {(time.monotonic() - began) / 60:.0f} min")
    if others:
        sys.exit("Not killed: " + "; ".join(others))


def _check_unbroken(copies: list[Copy], chosen: list[Mutation]) -> None:
    names = sorted({each.test for each in chosen})
    shares = [names[number :: len(copies)] for number in range(len(copies))]
    with ThreadPoolExecutor(len(copies)) as threads:
        outcomes = list(threads.map(Copy.test, copies, shares, [SECONDS + 10.0 * len(names)] * len(copies)))
    for outcome in outcomes:
        if outcome.status != "survived":
            sys.exit(f"Nothing is broken yet, and not all of the {len(names)} tests pass: {outcome.said}")
    print(
        f"{len(names)} tests pass while nothing is broken ({max(each.seconds for each in outcomes):.0f} s).", flush=True
    )


def _break_each(copies: list[Copy], chosen: list[Mutation]) -> list[Outcome]:
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutation: Mutation) -> Outcome:
        copy = free.get()
        try:
            outcome = copy.run(mutation)
        finally:
            free.put(copy)
        said = f": {outcome.said}" if outcome.said else ""
        print(f"{outcome.status:8} {outcome.seconds:4.0f} s  {mutation.name}", flush=True)
        print(f"                  {mutation.test}{said}", flush=True)
        return outcome

    with ThreadPoolExecutor(len(copies)) as threads:
        return list(threads.map(one, chosen))


if __name__ == "__main__":
    main()
