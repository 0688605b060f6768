"""What tasks, queues and workers add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=(
        "holdgate.tasks.pages.metrics",
        "holdgate.tasks.pages.list",
        "holdgate.tasks.pages.columns",
        "holdgate.tasks.pages.saved",
        "holdgate.tasks.pages.exports",
        "holdgate.tasks.pages.actions",
        "holdgate.tasks.pages.compare",
        "holdgate.tasks.pages.detail",
        "holdgate.tasks.pages.workers",
        "holdgate.tasks.pages.edit",
        "holdgate.tasks.pages.artifacts",
        "holdgate.tasks.pages.new",
        "holdgate.tasks.pages.queues",
        "holdgate.tasks.pages.dead_letters",
    ),
    api=(
        "holdgate.tasks.api.new",
        "holdgate.tasks.api.tasks",
        "holdgate.tasks.api.edit",
        "holdgate.tasks.api.details",
        "holdgate.tasks.api.saved",
        "holdgate.tasks.api.stats",
        "holdgate.tasks.api.limits",
        "holdgate.tasks.api.workers",
    ),
    navigation=(
        NavigationItem(
            key="tasks", label="Tasks", href="/tasks", group="main", rank=30, keys="g t", words="jobs queue"
        ),
        NavigationItem(
            key="dead-letters",
            label="Dead letters",
            href="/dead-letters",
            group="main",
            rank=50,
            keys="g d",
            words="failed errors",
        ),
        NavigationItem(
            key="queues", label="Queues", href="/queues", group="more", rank=10, keys="g q", words="pause depth"
        ),
        NavigationItem(
            key="workers", label="Workers", href="/workers", group="more", rank=30, keys="g w", words="processes"
        ),
        NavigationItem(
            key="new-task", label="New task", href="/tasks/new", group="do", rank=30, keys="c t", words="enqueue create"
        ),
    ),
    upkeep="holdgate.tasks.upkeep:UPKEEP",
)
