"""What the workers' own upkeep is."""

from holdgate.feature import Feature

FEATURE = Feature(
    upkeep="holdgate.runtime.upkeep:UPKEEP",
)
