"""Reading the form of a question: what fits the handler's struct, and nothing else, comes through."""

from typing import Annotated, Any, Literal

import msgspec
import pytest

from holdgate.approvals.rules import forms
from holdgate.core.errors import Invalid


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
FIELDS = forms.from_struct(Refund)


def test_what_fits_is_what_the_handler_can_read() -> None:
    answers = forms.read(FIELDS, GOOD | {"tip": "2", "remark": "#1", "free": ""})
    refund = msgspec.convert(answers, Refund, strict=False)
    assert (refund.cents, refund.share, refund.account, refund.tip, refund.free) == (100, 0.25, "DE0007", 2, "")
    refund = msgspec.convert(forms.read(FIELDS, GOOD), Refund, strict=False)
    assert (refund.tip, refund.remark) == (None, None)


@pytest.mark.parametrize(
    ("name", "sent", "problem"),
    [
        ("cents", "99", "'Cents' must be a whole number and at least 100 and at most 1250."),
        ("cents", "1251", "at most 1250"),
        ("cents", "100.5", "a whole number"),
        ("cents", "many", "must be a number"),
        ("share", "0", "'Share' must be more than 0 and less than 1."),
        ("share", "1.0", "less than 1"),
        ("share", "", "fill in"),
        ("dozens", "13", "a multiple of 12"),
        ("account", "FR0007", "'Account' must be of the form ^DE"),
        ("account", "DE0007\n1", "of the form"),
        ("note", "ab", "'Note' must be at least 3 characters long."),
        ("note", "", "fill in"),
        ("speed", "", "fill in"),
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
