"""The report as one HTML page that needs nothing beside it: no script, no address, charts as SVG."""

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from holdgate.core.paths import TEMPLATES
from holdgate.core.text.visible import visible_html
from holdgate.kinds.report.numbers import Numbers
from holdgate.web.filters import FILTERS


def write_page(numbers: Numbers) -> bytes:
    return visible_html(_environment().get_template("reports/report.html").render(report=numbers)).encode()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)  # what it draws with are the pages' components
    made.filters["words"] = lambda state: str(state).replace("_", " ")
    return made
