"""What bulk actions add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.bulk.views", "holdgate.bulk.selected_views"),
    api=("holdgate.bulk.api",),
    navigation=(
        NavigationItem(key="bulk", label="Bulk jobs", href="/bulk", group="more", rank=40, words="many filter"),
    ),
    reasons="holdgate.bulk.timeline:find",
    upkeep="holdgate.bulk.upkeep:UPKEEP",
)
