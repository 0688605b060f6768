"""What groups add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.groups.views",),
    api=("holdgate.groups.api",),
    navigation=(
        NavigationItem(
            key="groups",
            label="Groups",
            href="/admin/groups",
            group="account",
            rank=25,
            words="approvers members teams",
            only="admin",
        ),
    ),
)
