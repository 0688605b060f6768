"""What `--help` of every command costs: processor time of a process of its own, the least of so many.

Usage: python -m bench.commands [--rounds 5]
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterator

import click

from holdgate.cli import main as holdgate

MOST_SECONDS = 0.3


def every_command(group: click.Group = holdgate, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command and group, `holdgate` itself first, as none."""
    yield words
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*words, name))
        else:
            yield (*words, name)


def processor_seconds(words: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "holdgate.cli", *words, "--help"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = {words: min(processor_seconds(words) for _ in range(rounds)) for words in every_command()}
    for words, seconds in sorted(found.items(), key=lambda pair: -pair[1]):
        print(f"{seconds:.3f} s  holdgate {' '.join(words)}")
    slow = max(found.values())
    print(f"{len(found)} commands, the slowest {slow:.3f} s of at most {MOST_SECONDS} s")
    return int(slow >= MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
