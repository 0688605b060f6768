"""What the audit adds to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.audit.views",),
    api=("holdgate.audit.api",),
    upkeep="holdgate.audit.retention:UPKEEP",
    navigation=(
        NavigationItem(
            key="audit",
            label="Audit log",
            href="/admin/audit",
            group="account",
            rank=30,
            words="log events history",
            only="admin",
        ),
    ),
)
