"""The report as one HTML page that needs nothing beside it: no script, no address, charts as SVG."""

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.core.places import TEMPLATES
from app.kinds.report.numbers import Numbers
from app.web.filters import duration, number


def write_page(numbers: Numbers) -> bytes:
    return _environment().get_template("reports/report.html").render(report=numbers).encode()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["duration"] = duration
    made.filters["number"] = number
    made.filters["words"] = lambda state: str(state).replace("_", " ")
    return made
