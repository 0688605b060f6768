"""What alarms add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.alarms.views",),
    api=("holdgate.alarms.api",),
    navigation=(
        NavigationItem(
            key="alarms",
            label="Alarms",
            href="/settings/alarms",
            group="more",
            rank=52,
            words="alerts notify email failures",
        ),
    ),
    mails={"alarm_fired": "holdgate.alarms.mails:AlarmLetter"},
    upkeep="holdgate.alarms.upkeep:UPKEEP",
)
