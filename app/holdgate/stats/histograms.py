"""Durations in buckets of a logarithmic scale, so that histograms add up and percentiles cost the same at any number.

Bucket 0 is up to a millisecond; bucket i is from 2^((i-1)/4) up to 2^(i/4) milliseconds. A percentile is told as the
middle of its bucket, so it is within 9.1 % of the true one (nearest rank), or within a millisecond below that.
"""

from collections.abc import Iterable
from typing import TypeAlias

Histogram: TypeAlias = dict[int, int]  # bucket → how many, never 0

PER_DOUBLING = 4
LAST = 160  # 35 years
ERROR = 2 ** (1 / PER_DOUBLING / 2) - 1


def seconds_of(bucket: int) -> float:
    """The middle of the bucket, in seconds."""
    return float(2 ** ((bucket - 0.5) / PER_DOUBLING)) / 1000 if bucket else 0.0005


def add(histogram: Histogram, more: Iterable[tuple[int, int]]) -> None:
    for bucket, n in more:
        histogram[bucket] = histogram.get(bucket, 0) + n


def percentile(histogram: Histogram, share: float) -> float | None:
    """The duration in seconds that `share` (above 0, up to 1) of all do not exceed."""
    total, seen = sum(histogram.values()), 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= share * total:
            return seconds_of(bucket)
    return None
