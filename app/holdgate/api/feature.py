"""What the API itself adds to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    navigation=(
        NavigationItem(
            key="api",
            label="API reference",
            href="/api/docs",
            group="account",
            rank=57,
            words="docs documentation openapi curl",
        ),
    ),
    upkeep="holdgate.api.upkeep:UPKEEP",
)
