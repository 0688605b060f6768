"""`make chaos SEED=… SECONDS=…`: an installation of real processes under mixed load, struck by random faults.

Everything that is drawn, is drawn by the seed, so a campaign can be told again; what meets what in time cannot. At
its end a checker of its own holds the database against what the world outside has seen. Exit status 0: nothing was
lost, nothing happened twice, and every fault was recovered from within its bound.
"""

import argparse
import asyncio
import random
import sys
from pathlib import Path

from tests.chaos.campaign import table
from tests.chaos.campaign.campaign import Result, run
from tests.chaos.campaign.faults import CLOCK
from tests.chaos.campaign.installation import FAKETIME


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="of the first campaign; without it one is drawn")
    parser.add_argument("--seconds", type=float, default=60.0, help="in which faults strike")
    parser.add_argument("--campaigns", type=int, default=1, help="this many, with the seeds that follow")
    # Wide, for a fault of the other sort may strike meanwhile and the machine has other work; what an idle one needs,
    # bench/recovery.py measures.
    # A transaction whose connection fell silent is ended by the server after 30 s, and until then keeps its locks.
    parser.add_argument("--bound", type=float, default=35.0, help="seconds in which what was struck has to work again")
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    parser.add_argument("--write", type=Path, help="the page whose table is to be that of these campaigns")
    given = parser.parse_args()
    first = random.SystemRandom().randrange(1, 1_000_000) if given.seed is None else given.seed
    if FAKETIME is None:
        print(f"LEFT OUT, for libfaketime is not installed (apt-get install libfaketime): {CLOCK}")
    results: list[Result] = []
    for seed in range(first, first + given.campaigns):
        print(f"SEED={seed} SECONDS={given.seconds:g}", flush=True)
        result = asyncio.run(run(seed, given.seconds, given.bound, given.only))
        results.append(result)
        for problem in result.problems[:40]:
            print(f"  PROBLEM  {problem}")
        told = ", ".join(f"{number:,} {what}" for what, number in result.figures.items())
        print(f"  {told}; lost {result.lost}, doubled {result.doubled}, problems {len(result.problems)}", flush=True)
    print(table.plain(results))
    if given.write is not None:  # also what did not go well
        table.write(results, given.seconds, given.write)
    failed = [str(result.seed) for result in results if result.problems]
    if failed:
        sys.exit(f"Problems with the seeds {', '.join(failed)}: make chaos SEED=… tells one of them again.")


if __name__ == "__main__":
    main()
