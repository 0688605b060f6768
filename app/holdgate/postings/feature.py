"""What postings add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=("holdgate.postings.pages.list",),
    api=(
        "holdgate.postings.api.postings",
        "holdgate.postings.api.duplicates",
        "holdgate.postings.api.imports",
        "holdgate.postings.api.runs",
    ),
    navigation=(
        NavigationItem(
            key="postings", label="Postings", href="/postings", group="more", rank=60, keys="g p", words="jobs import"
        ),
        NavigationItem(
            key="new-run",
            label="New run",
            href="/runs/new",
            group="do",
            rank=20,
            keys="c r",
            words="start batch create",
        ),
        NavigationItem(
            key="import", label="Import postings", href="/postings/import", group="do", rank=40, words="csv upload"
        ),
    ),
    timeline="holdgate.postings.task_timeline:tell",
    run_facts="holdgate.postings.run_facts:tell",
    profile_saved="holdgate.kinds.application.waiting:resume_waiting",
    upkeep="holdgate.postings.upkeep:UPKEEP",
)
