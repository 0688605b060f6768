"""Downloads of a filtered list, as it is shown or whole."""

from litestar import get
from litestar.response import Stream

from holdgate.tasks import exports
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.parameters import parse_filter
from holdgate.web.downloads import CSV, download
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest


def _wanted(request: WebRequest) -> TaskFilter:
    """The filter in the URL, and nothing that it does not say. Raises Invalid."""
    return parse_filter(request.query_params.multi_items()).good()


@get("/tasks/export.csv")
async def export_csv(request: WebRequest, user: SignedIn) -> Stream:
    found = exports.chunks(request.app.state.database, user.scope, _wanted(request))
    return download(exports.as_csv(found), "tasks.csv", CSV)


@get("/tasks/export.json")
async def export_json(request: WebRequest, user: SignedIn) -> Stream:
    found = exports.chunks(request.app.state.database, user.scope, _wanted(request))
    return download(exports.as_json(found), "tasks.json", "application/json")


handlers = [export_csv, export_json]
