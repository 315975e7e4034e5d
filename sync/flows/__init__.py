"""The flows there are, by the name a lane carries."""

from collections.abc import Sequence

from sync.flows import entries
from sync.flows.base import Flow, Stream
from sync.flows.disputes import DISPUTES
from sync.flows.expiries import EXPIRIES
from sync.flows.payments import PAYMENTS
from sync.flows.payouts import PAYOUTS
from sync.flows.refunds import REFUNDS
from sync.models import SyncLane


def square_streams(lane: SyncLane) -> Sequence[Stream]:
    """What a Square lane reads, in the order in which one needs the other: a refund its sale, a payout both, and a
    dispute what payouts have moved for it.
    """
    return (PAYMENTS, REFUNDS, EXPIRIES, *((PAYOUTS, DISPUTES) if lane.books_payouts else ()))


FLOWS: dict[str, Flow] = {
    "payments": Flow(
        name="payments",
        streams=square_streams,
        stages=("sales", "money"),
        gather=entries.gather,
        find=entries.find,
        send=entries.send,
        confirm=entries.confirm,
    )
}
