"""What the API itself adds to the whole."""

from holdgate.feature import Feature

FEATURE = Feature(
    upkeep="holdgate.api.upkeep:UPKEEP",
)
