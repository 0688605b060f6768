"""A kind for both shops: money goes back to a customer once two people have agreed.

KINDS=refunds, with this folder as the working directory, lets web and workers know it.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from holdgate import Context, kind

CASHIERS = ("ann@shop.example", "bob@shop.example")


@dataclass
class PayRefund:
    order: str
    cents: Annotated[int, Meta(gt=0, le=100_000)]


@dataclass
class Transfer:
    id: str
    cents: int


@kind("refund.pay", max_attempts=5)
async def pay_refund(ctx: Context, refund: PayRefund) -> Transfer:
    """Pay money back, once two people have agreed to it."""
    await ctx.approval(
        "agree",
        title=f"Pay {refund.cents / 100:.2f} € back for order {refund.order}",
        show={"Order": refund.order, "Amount": f"{refund.cents / 100:.2f} €"},
        recipients=CASHIERS,
        needed=2,
    )
    return await ctx.step("pay", transfer, refund, ctx.idempotency_key("pay"))


async def transfer(refund: PayRefund, key: str) -> Transfer:
    """Here a bank would be asked, with the key, so that a repetition pays nothing twice."""
    return Transfer(id=f"T-{key[:8]}", cents=refund.cents)
