"""What applications add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.applications.pages.list", "holdgate.applications.pages.detail"),
    api=("holdgate.applications.api",),
    navigation=(
        NavigationItem(
            key="applications",
            label="Applications",
            href="/applications",
            group="more",
            rank=61,
            keys="g n",
            words="jobs sent interview offer",
        ),
    ),
    timeline="holdgate.applications.task_timeline:tell",
    upkeep="holdgate.applications.upkeep:UPKEEP",
)
