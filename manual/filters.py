"""The page of filters: what a list of tasks, a bulk action and an export can be narrowed by."""

from holdgate.tasks.search.filters import FIELDS
from manual.tables import table

INTRODUCTION = """# Filters of tasks

All conditions hold together; what is left out does not filter. The same parameters narrow the page of tasks, its
exports, a saved view, `GET /api/v1/tasks` and, as members of `filter`, a [bulk action](api.md).
"""


def page() -> str:
    rows = [
        (
            f"`{field.param}`" + (f", in JSON `{field.key}`" if field.key != field.param else ""),
            field.label,
            field.about + (" Several with commas." if field.many else ""),
        )
        for field in FIELDS
    ]
    return INTRODUCTION + "\n" + table(("parameter", "on the page", "which tasks"), rows)
