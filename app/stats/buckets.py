"""Durations in buckets of a logarithmic scale, so that histograms add up and percentiles cost the same at any number.

Bucket 0 is up to a millisecond; bucket i is from 2^((i-1)/4) up to 2^(i/4) milliseconds. A percentile is told as the
middle of its bucket, so it is within 9.1 % of the true one (nearest rank), or within a millisecond below that.
"""

from itertools import zip_longest

PER_DOUBLING = 4
LAST = 160  # 35 years
ERROR = 2 ** (1 / PER_DOUBLING / 2) - 1


def seconds_of(bucket: int) -> float:
    """The middle of the bucket, in seconds."""
    return float(2 ** ((bucket - 0.5) / PER_DOUBLING)) / 1000 if bucket else 0.0005


def added(one: list[int], other: list[int]) -> list[int]:
    """Two histograms together. The shorter one has nothing in the last buckets."""
    return [a + b for a, b in zip_longest(one, other, fillvalue=0)]


def percentile(counts: list[int], share: float) -> float | None:
    """The duration in seconds that `share` (above 0, up to 1) of all do not exceed. `counts`: bucket by bucket."""
    total, seen = sum(counts), 0
    for bucket, n in enumerate(counts):
        seen += n
        if n and seen >= share * total:
            return seconds_of(bucket)
    return None
