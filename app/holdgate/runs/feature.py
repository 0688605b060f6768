"""What runs add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=(
        "holdgate.runs.pages.runs",
        "holdgate.runs.pages.new",
        "holdgate.runs.pages.search",
    ),
    api=("holdgate.runs.api.runs",),
    navigation=(
        NavigationItem(
            key="runs", label="Runs", href="/runs", group="main", rank=20, keys="g r", words="batches progress"
        ),
        NavigationItem(
            key="search", label="Search", href="/search", group="do", rank=10, words="find shortcuts keyboard"
        ),
    ),
    mails={
        "run_finished": "holdgate.runs.mails:RunFinished",
    },
    timeline="holdgate.runs.timeline:tell",
    intake="holdgate.runs.service:add_tasks",
    upkeep="holdgate.runs.upkeep:UPKEEP",
)
