"""What is told: a line while it runs, a table at its end."""

from collections.abc import Iterator, Mapping

from holdgate.load.figures import Figures, Spread
from holdgate.load.progress import Queues, Stand


def progress(seconds: float, count: int, sent: int, stand: Stand, waits: int, queues: Queues | None) -> str:
    """How far it is, as one line."""
    told = [f"{seconds:6.1f} s", f"sent {sent:,} of {count:,}", f"ended {stand.total - stand.open:,}"]
    told += [f"{state} {n:,}" for state, n in stand.counts.items() if n and state != "succeeded"]
    if waits:
        told.append(f"told to wait {waits:,}×")
    if queues is not None:
        told.append(
            f"| ready {queues.ready:,}, oldest {queues.oldest:.1f} s, in hand {queues.in_hand:,},"
            f" workers {queues.workers:,}"
        )
    return "  ".join(told)


def table(figures: Figures) -> Iterator[str]:
    """The closing table, line by line."""
    yield f"sent       {figures.sent:>9,}   in {figures.seconds:.1f} s"
    yield f"accepted   {figures.accepted:>9,}"
    for reason, n in sorted(figures.refused.items()):
        yield f"refused    {n:>9,}   {reason}"
    yield f"ended      {figures.ended:>9,}   {figures.a_second:,.1f} a second from the first made to the last ended"
    if figures.otherwise:
        yield f"otherwise  {figures.otherwise:>9,}   accepted, but not where the mix says that they end"
    if figures.missing > 0:
        yield f"LOST       {figures.missing:>9,}   accepted, but not in the run"
    if figures.missing < 0:
        yield f"DOUBLE     {-figures.missing:>9,}   in the run, but not accepted"
    yield f"told to wait {figures.told_to_wait:>7,}   answers 429"
    yield f"broken     {figures.broken:>9,}   requests without an answer, sent again"
    if figures.late >= 1:
        yield f"late       {figures.late:>7.1f} s   the furthest that sending was behind its rate"
    yield ""
    yield f"{'seconds':<32}{'n':>9}{'p50':>10}{'p95':>10}{'p99':>10}{'max':>10}"
    yield _line("request", figures.requests)
    for name, course in figures.courses.items():
        yield f"{name}  {_states(course.states)}"
        yield _line("  wait", course.wait)
        yield _line("  work", course.work)
        yield _line("  whole", course.whole)
    yield ""
    yield f"{'All is as it should be' if figures.fine else 'NOT all is as it should be'}: {figures.run_url}"


def _line(name: str, spread: Spread) -> str:
    values = (spread.p50, spread.p95, spread.p99, spread.max)
    return f"{name:<32}{spread.n:>9,}" + "".join(f"{value:>10.3f}" for value in values)


def _states(states: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in sorted(states.items()))
