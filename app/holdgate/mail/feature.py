"""What sending mail adds to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.mail.views",),
    navigation=(
        NavigationItem(
            key="mailbox",
            label="Dev mailbox",
            href="/mailbox",
            group="account",
            rank=50,
            words="mail letters",
            only="development",
        ),
    ),
    upkeep="holdgate.mail.upkeep:UPKEEP",
)
