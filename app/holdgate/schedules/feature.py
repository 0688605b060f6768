"""What schedules add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.schedules.form_views", "holdgate.schedules.views"),
    api=("holdgate.schedules.api",),
    navigation=(
        NavigationItem(
            key="schedules",
            label="Schedules",
            href="/schedules",
            group="more",
            rank=20,
            keys="g s",
            words="cron calendar",
        ),
    ),
    timeline="holdgate.schedules.timeline:tell",
    made_by_tokens="holdgate.schedules.token_uses",
    upkeep="holdgate.schedules.upkeep:UPKEEP",
)
