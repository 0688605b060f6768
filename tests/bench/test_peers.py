"""The comparison itself: that a short one measures something of everything, and says so on a page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT


@pytest.mark.slow
def test_a_short_comparison_measures_a_peer_beside_holdgate(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    short = ["--rounds", "1", "--tasks", "300", "--peers", "arq,bare", "--measures", "one,wake", "--write", str(page)]
    environ = {**os.environ, "BENCH_HOME": str(tmp_path / "bench")}
    subprocess.run([sys.executable, "-m", "bench.peers", *short], cwd=ROOT, env=environ, check=True, timeout=300)
    told = page.read_text()
    for title, peers in {
        "No-op tasks a second, one worker process": "holdgate arq bare",
        "Waking an idle worker, median, ms": "holdgate arq",
    }.items():
        table = told.partition(f"## {title}\n")[2].partition("\n## ")[0]
        rows = dict(re.findall(r"^\| (\w+) \| ([\d,.]+)", table, re.M))
        assert set(rows) == set(peers.split())
        assert all(float(figure.replace(",", "")) > 0 for figure in rows.values())
    assert re.search(r"\| No-op tasks a second, one worker process \| arq \| at least 8\.00 \| \d", told)
