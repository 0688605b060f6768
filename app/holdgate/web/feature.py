"""What the site itself adds to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=(
        "holdgate.web.health",
        "holdgate.web.styleguide",
    ),
    navigation=(
        NavigationItem(
            key="about",
            label="About Holdgate",
            href="/about",
            group="account",
            rank=55,
            words="architecture stack",
        ),
        NavigationItem(
            key="styleguide",
            label="Style guide",
            href="/styleguide",
            group="account",
            rank=60,
            words="components design",
            only="development",
        ),
    ),
)
