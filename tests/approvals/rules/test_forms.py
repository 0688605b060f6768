"""Reading the form of a question: what fits the handler's struct, and nothing else, comes through."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest

from holdgate.approvals import forms
from holdgate.approvals.models import Approval
from holdgate.approvals.pages.question import QuestionView, SentDecisions
from holdgate.core.errors import Invalid
from holdgate.core.forms.fields import sent_of


class Refund(msgspec.Struct, kw_only=True):
    cents: Annotated[int, msgspec.Meta(ge=100, le=1250)]
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    dozens: Annotated[int, msgspec.Meta(multiple_of=12)] = 12
    account: Annotated[str, msgspec.Meta(pattern=r"^DE\d{4}$", title="Account")]
    note: Annotated[str, msgspec.Meta(min_length=3)] = "none"
    speed: Literal["slow", "fast"] = "slow"
    tip: Annotated[int, msgspec.Meta(ge=1)] | None = None
    remark: Annotated[str, msgspec.Meta(pattern="^#")] | None = None
    free: str = "x"


GOOD = {"cents": "100", "share": "0.25", "dozens": "24", "account": "DE0007", "note": "for the road", "speed": "fast"}
FIELDS = forms.from_type(Refund)


def test_what_fits_is_what_the_handler_can_read() -> None:
    answers = forms.read(FIELDS, GOOD | {"tip": "2", "remark": "#1", "free": ""})
    refund = msgspec.convert(answers, Refund, strict=False)
    assert (refund.cents, refund.share, refund.account, refund.tip, refund.free) == (100, 0.25, "DE0007", 2, "")
    refund = msgspec.convert(forms.read(FIELDS, GOOD), Refund, strict=False)
    assert (refund.tip, refund.remark) == (None, None)


@pytest.mark.parametrize(
    ("name", "sent", "problem"),
    [
        ("cents", "99", "Must be a whole number, at least 100 and at most 1250."),
        ("cents", "1251", "at most 1250"),
        ("cents", "100.5", "a whole number"),
        ("cents", "many", "Must be a whole number"),
        ("share", "0", "Must be a number, more than 0 and less than 1."),
        ("share", "1.0", "less than 1"),
        ("share", "", "required"),
        ("dozens", "13", "a multiple of 12"),
        ("account", "FR0007", "must be of the form ^DE"),
        ("account", "DE0007\n1", "of the form"),
        ("note", "ab", "At least 3 characters."),
        ("note", "", "required"),
        ("speed", "", "required"),
        ("tip", "0", "at least 1"),
        ("remark", "1", "of the form ^#"),
    ],
)
def test_what_the_handler_could_not_read_is_refused_beside_its_field(name: str, sent: str, problem: str) -> None:
    values: dict[str, Any] = GOOD | {name: sent}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({key: value or None for key, value in values.items()}, Refund, strict=False)
    with pytest.raises(Invalid) as refused:
        forms.read(FIELDS, values)
    assert list(refused.value.fields) == [name]
    assert problem in refused.value.fields[name]


class Parcel(msgspec.Struct, kw_only=True):
    letter: Annotated[str, msgspec.Meta(extra_json_schema={"format": "textarea"})] = "Dear all,\r\n  welcome. \n"
    title: str = " two  spaces "
    days: list[Literal["mo", "tu", "we"]] = []
    sizes: Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(max_length=3)] = []
    on: date | None = None
    box: dict[str, int] = {}
    gift: bool = True


FILLED = Parcel(days=["mo", "tu"], sizes=[1, 2], box={"a": 1})
PARCEL = forms.from_type(Parcel, FILLED)


def test_every_type_of_field_goes_to_a_page_and_back() -> None:
    assert [each.type for each in PARCEL] == ["textarea", "text", "checkboxes", "lines", "date", "json", "boolean"]
    texts = {each.name: sent_of(each.field, each.stored) for each in PARCEL}
    untouched: dict[str, Any] = {name: each[0] if len(each) == 1 else each for name, each in texts.items()}
    untouched["letter"] = untouched["letter"].replace("\r\n", "\n").replace("\n", "\r\n")  # as browsers send it
    assert msgspec.convert(forms.read(PARCEL, untouched), Parcel) == FILLED, "to the last space"
    changed = untouched | {"days": ["we"], "sizes": "3\n4", "on": "2026-11-29", "box": '{"b": 2}', "gift": []}
    changed |= {"letter": "Dear all, welcome."}
    parcel = msgspec.convert(forms.read(PARCEL, changed), Parcel)
    assert (parcel.days, parcel.sizes, parcel.on) == (["we"], [3, 4], date(2026, 11, 29))
    assert (parcel.box, parcel.gift, parcel.letter) == ({"b": 2}, False, "Dear all, welcome.")
    # A program sends JSON.
    told = forms.read(PARCEL, changed | {"days": ["tu"], "sizes": [5], "box": {"c": 3}, "gift": True})
    assert (told["days"], told["sizes"], told["box"], told["gift"]) == (["tu"], [5], {"c": 3}, True)


@pytest.mark.parametrize(
    ("name", "sent", "problem"),
    [
        ("days", ["su"], "option from the list"),
        ("sizes", "1\n0", "Must be a whole number, at least 1."),
        ("sizes", "1\n2\n3\n4", "At most 3"),
        ("on", "tomorrow", "Must be a date"),
        ("box", "{", "not JSON"),
        ("title", "a\0b", "can’t be stored"),
    ],
)
def test_each_type_says_what_is_wrong(name: str, sent: Any, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        forms.read(PARCEL, {name: sent})
    assert problem in refused.value.fields[name]


def test_a_box_that_was_unticked_is_not_ticked_again_by_an_error_elsewhere() -> None:
    [gift] = [each for each in PARCEL if each.name == "gift"]
    view = QuestionView(approval=Approval(answer=None), fields=PARCEL, rows=[])
    assert view.value(gift) is True
    assert msgspec.structs.replace(view, sent=SentDecisions(answers={})).value(gift) is False
