"""Holdgate as it comes: no setting but the servers."""

from typing import ClassVar

from bench.peers.program import main
from bench.peers.programs.holdgate import Holdgate


class Stock(Holdgate):
    settings = "none but the servers; a line of the log for each task"
    environ: ClassVar = {}


if __name__ == "__main__":
    main(Stock)
