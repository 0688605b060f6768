"""What the overview adds to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=(
        "holdgate.overview.pages.overview",
        "holdgate.overview.pages.errors",
        "holdgate.overview.pages.resume",
        "holdgate.overview.pages.help",
        "holdgate.overview.pages.attention",
    ),
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
        NavigationItem(key="help", label="Help", href="/help", group="account", rank=56, words="terms glossary docs"),
        NavigationItem(
            key="resume",
            label="Resume",
            href="/resume",
            group="more",
            rank=5,
            keys="g e",
            words="continue rejected expired paused sign-in input",
        ),
    ),
)
