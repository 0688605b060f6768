"""What counting adds to the whole."""

from holdgate.feature import Feature

FEATURE = Feature(
    pages=("holdgate.stats.live_views",),
    upkeep="holdgate.stats.upkeep:UPKEEP",
)
