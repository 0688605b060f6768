"""The list of tasks: tabs with exact counts, filters, pages both ways; for /tasks and for the page of a run.

Tasks that Holdgate itself enqueues (mail, webhooks) are left out of /tasks until somebody asks for them (`mail=with`
or `mail=only`) or looks for something in particular: a kind, queue, run, subject, error, payload, title, bulk action or
id is looked for among all.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromQuery, QueryParameter
from msgspec.structs import replace

from holdgate.core.db import Session
from holdgate.core.paging import Cursor, Page, Rank, paginate, paginate_by, parse_rank
from holdgate.core.principal import Principal
from holdgate.tasks.models import Task
from holdgate.tasks.pages.columns import CREATED, ListColumn, choices, columns_of, with_column
from holdgate.tasks.search import lists, saved, sorting
from holdgate.tasks.search.counts import tellable, totals, totals_with_mail
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.models import SavedView
from holdgate.tasks.search.parameters import FilterForm, parse_filter
from holdgate.tasks.search.sorting import RankedTask, TaskOrder, parse_order
from holdgate.tasks.search.values import ONLY, WITH, WITHOUT
from holdgate.tasks.states import STANDINGS
from holdgate.web.forms import Form, blank
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

# Litestar keeps the name `state` for itself.
InState: TypeAlias = Annotated[str, QueryParameter(name="state")]
PATH = "/tasks"


class Tab(msgspec.Struct, frozen=True):
    """A state to choose, with how many tasks are in it; not counted while another filter narrows the list."""

    state: str
    href: str
    count: int | None


class Turn(msgspec.Struct, frozen=True):
    """Which part of the list: behind `cursor`, or before `back`; in the order that `sort` names."""

    cursor: str | None = None
    back: str | None = None
    sort: str = ""

    @property
    def order(self) -> TaskOrder:
        return parse_order(self.sort)

    def params(self) -> list[tuple[str, str]]:
        given = (("sort", self.order.param), ("cursor", self.cursor or ""), ("back", self.back or ""))
        return [(name, value) for name, value in given if value]


class Heading(msgspec.Struct, frozen=True):
    """A column's heading that sorts: where it leads, which come first there, and how the list is sorted by it now."""

    href: str
    first: str
    sorted: Literal["", "ascending", "descending"]


class TaskList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of tasks. `current`: the tab it is on, None when several states are asked for; `total`: of all states;
    `matching`: how many fit, where that is known without counting; `params`: the filter, for forms; `query`: the same
    for links; `mail`: whether mail and webhooks are among them, with how many they are and the way to the other choice;
    `owners`: their addresses by id, for who sees everybody's; `headings`: by the names of columns; `sort`: for links;
    `sorted_most`: how many are sorted, if there may be more.
    """

    tasks: list[Task]
    form: FilterForm
    wanted: TaskFilter
    current: str | None
    tabs: list[Tab]
    total: int
    matching: int | None
    next_url: str | None
    prev_url: str | None
    first_url: str | None
    here: str
    here_query: str
    params: list[tuple[str, str]]
    query: str
    sort: str
    headings: dict[str, Heading]
    sorted_most: int | None
    mail: str
    mail_count: int
    mail_url: str
    owners: dict[UUID, str]


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """The list with the views a person has saved; `form` is that of saving one more. `orders` by their values in an
    address; `columns`: those that are shown, and all there are to `choose` from."""

    list: TaskList
    saved: Sequence[SavedView]
    form: Form[msgspec.Struct]
    orders: Sequence[tuple[str, str]]
    columns: tuple[str, ...]
    choose: Sequence[ListColumn]


async def task_list(session: Session, user: Principal, form: FilterForm, asked: Turn, path: str = PATH) -> TaskList:
    """What the list shows: one page, the tabs with exact counts where they are known, where to go on.

    Raises:
        Invalid: a damaged cursor. An invalid filter shows an empty list with its errors.
    """
    wanted = form.wanted or TaskFilter()
    shown = await _page(session, user, wanted, asked) if form.wanted else Page[Task]([], None, None, False)
    address = _Address(path, wanted, asked.order)
    counts, mail = await _counts(session, user, wanted, hides_mail=address.hides_mail(wanted))
    matching = _matching(counts, wanted)
    here = address.of(cursor=asked.cursor or "", back=asked.back or "")
    return TaskList(
        tasks=shown.rows,
        form=form,
        wanted=wanted,
        current=wanted.states[0] if len(wanted.states) == 1 else "" if not wanted.states else None,
        tabs=_tabs(counts, wanted, address),
        total=sum(counts.values()),
        matching=matching,
        next_url=address.of(cursor=str(shown.behind)) if shown.behind else None,
        prev_url=address.of(back=str(shown.before)) if shown.before else None,
        first_url=address.of() if shown.moved else None,
        here=here,
        here_query=here.partition("?")[2],
        params=wanted.params(),
        query=urlencode(wanted.params()),
        sort=asked.order.param,
        headings=_headings(address),
        sorted_most=sorting.SORTED if asked.order.column and (matching is None or matching > sorting.SORTED) else None,
        mail=wanted.mail,
        mail_count=_matching(mail, replace(wanted, mail=ONLY)) or 0,
        mail_url=address.of(mail=WITHOUT if not wanted.mail else ""),
        owners=await lists.owners_of(session, shown.rows) if user.is_admin and path == PATH else {},
    )


def _tabs(counts: dict[str, int], wanted: TaskFilter, address: "_Address") -> list[Tab]:
    """All, and every state, also without tasks: a tab that came and went would move the others under the pointer."""
    known = tellable(wanted)
    return [
        Tab(state, address.of(states=(state,) if state else ()), n if known else None)
        for state, n in (("", sum(counts.values())), *((state, counts.get(state, 0)) for state in STANDINGS))
    ]


def _matching(counts: dict[str, int], wanted: TaskFilter) -> int | None:
    return sum(counts.get(state, 0) for state in wanted.states or counts) if tellable(wanted) else None


async def _counts(
    session: Session, user: Principal, wanted: TaskFilter, *, hides_mail: bool
) -> tuple[dict[str, int], dict[str, int]]:
    """By state what the filter matches; and what is mail and webhooks of that, or would be, where they are hidden."""
    if hides_mail:
        return await totals_with_mail(session, user.scope, wanted)
    return await totals(session, user.scope, wanted), {}


async def _page(session: Session, user: Principal, wanted: TaskFilter, asked: Turn) -> Page[Task]:
    order = asked.order

    async def tasks(place: Cursor | None, limit: int, backwards: bool) -> list[Task]:
        return await lists.list_tasks(session, user.scope, wanted, place, limit, oldest=order.up != backwards)

    async def ranked(place: Rank | None, limit: int, backwards: bool) -> list[RankedTask]:
        return await sorting.ranked_tasks(session, user.scope, wanted, order, place, limit, backwards=backwards)

    if not order.column:
        return await paginate(tasks, lambda task: Cursor(task.created_at, task.id), asked.cursor, asked.back)
    shown = await paginate_by(parse_rank, ranked, lambda row: row.place, asked.cursor, asked.back)
    return Page([row.task for row in shown.rows], shown.before, shown.behind, shown.moved)


class _Address(msgspec.Struct, frozen=True):
    """Addresses of the same list."""

    path: str
    wanted: TaskFilter
    order: TaskOrder

    def of(
        self, *, states: tuple[str, ...] | None = None, mail: str | None = None, cursor: str = "", back: str = ""
    ) -> str:
        wanted = self.wanted
        if states is not None:
            wanted = replace(wanted, states=states)
        if mail is not None:
            wanted = replace(wanted, mail=mail)
        # A run's own page has its run in the path, and what the page does by itself need not be said.
        params = [pair for pair in wanted.params() if pair[0] != "run_id" or self.path == PATH]
        if self.hides_mail(wanted):
            params = [pair for pair in params if pair[0] != "mail"] + ([] if wanted.mail else [("mail", WITH)])
        params += Turn(cursor, back, self.order.param).params()
        return self.path + ("?" + urlencode(params) if params else "")

    def hides_mail(self, wanted: TaskFilter) -> bool:
        """Whether mail and webhooks are left out unless they are asked for: nothing in particular is looked for."""
        return self.path == PATH and not wanted.particular() and wanted.mail != ONLY


def _headings(address: _Address) -> dict[str, Heading]:
    """One that sorts already leads to the opposite order."""
    found = {}
    for name in (CREATED, *sorting.COLUMNS):
        column, now = "" if name == CREATED else name, address.order
        here = now.column == column
        most, least, up = sorting.words_of(column)
        order = TaskOrder(column, not now.up if here else up)
        href = replace(address, order=order).of()
        found[name] = Heading(
            href, least if order.up else most, ("ascending" if now.up else "descending") if here else ""
        )
    return found


def asked_filter(params: Sequence[tuple[str, str]]) -> FilterForm:
    """The filter in a page's URL, as the list reads it: without mail and webhooks unless it says otherwise."""
    form = parse_filter(params)
    if form.wanted is None or any(name == "mail" and value.strip() for name, value in params):
        return form
    if form.wanted.particular():
        return form
    return replace(form, wanted=replace(form.wanted, mail=WITHOUT))


async def list_page(
    request: WebRequest,
    session: Session,
    user: Principal,
    form: FilterForm,
    asked: Turn,
    saving: Form[msgspec.Struct] | None = None,
) -> ListPage:
    shown = columns_of(request)
    return ListPage(
        list=await task_list(session, user, form, asked),
        saved=await saved.views_of(session, user),
        form=saving or blank(),
        orders=sorting.orders(),
        columns=with_column(shown, asked.order.column),
        choose=choices(shown, owners=user.is_admin),
    )


@get(PATH)
async def show_tasks(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
    sort: FromQuery[str] = "",
) -> Response[str]:
    form = asked_filter(list(request.query_params.multi_items()))
    view = await list_page(request, read, user, form, Turn(cursor, back, sort))
    status = 422 if form.errors else 200
    return await render(request, "tasks/list.html", view, nav="tasks", fragment="tasks/_list.html", status=status)


handlers = [show_tasks]
