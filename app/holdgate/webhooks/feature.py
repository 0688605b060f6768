"""What webhooks add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.webhooks.views",),
    api=("holdgate.webhooks.api",),
    navigation=(
        NavigationItem(
            key="webhooks",
            label="Webhooks",
            href="/settings/webhooks",
            group="more",
            rank=50,
            words="events endpoints signing",
        ),
    ),
    mails={
        "webhook_disabled": "holdgate.webhooks.mails:WebhookDisabled",
    },
    made_by_tokens="holdgate.webhooks.token_uses",
    upkeep="holdgate.webhooks.upkeep:UPKEEP",
)
