"""What the overview adds to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.overview.views",),
    api=("holdgate.overview.api",),
    navigation=(
        NavigationItem(
            key="overview",
            label="Overview",
            href="/overview",
            group="main",
            rank=10,
            keys="g o",
            words="home start dashboard",
        ),
    ),
)
