"""What personal data adds to the whole."""

from holdgate.feature import Feature

FEATURE = Feature(
    pages=("holdgate.personal_data.views",),
    api=("holdgate.personal_data.api",),
    upkeep="holdgate.personal_data.upkeep:UPKEEP",
)
