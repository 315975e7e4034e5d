"""The flows there are, by the name a lane carries."""

from collections.abc import Iterator, Sequence

from mappings.bookkeeping.legs import ORDERS as ORDER_DOCUMENTS
from sync.flows import entries, ordering
from sync.flows.base import Draft, Entry, Flow, Stream, Work
from sync.flows.disputes import DISPUTES
from sync.flows.expiries import EXPIRIES
from sync.flows.invoices import INVOICES
from sync.flows.orders import ORDERS
from sync.flows.payments import PAYMENTS
from sync.flows.payouts import PAYOUTS
from sync.flows.refunds import REFUNDS
from sync.models import Posting, SyncLane


def square_streams(lane: SyncLane) -> Sequence[Stream]:
    """What a Square lane reads, in the order in which one needs the other: a payment the invoice it settles, a refund
    its sale, a payout all of them, a dispute what payouts have moved for it, an order the payments that completed it.
    """
    streams = (
        (INVOICES, lane.books_invoices), (PAYMENTS, True), (REFUNDS, True), (EXPIRIES, True),
        (PAYOUTS, lane.books_payouts), (DISPUTES, lane.books_payouts), (ORDERS, lane.orders != "off"),
    )  # fmt: skip
    return [stream for stream, is_on in streams if is_on]


def _gather(work: Work, stage: str) -> Iterator[Sequence[Draft]]:
    return ordering.gather(work) if stage == "orders" else entries.gather(work, stage)


def _find(work: Work, posting: Posting) -> Sequence[Entry]:
    return ordering.find(work, posting) if posting.document in ORDER_DOCUMENTS else entries.find(work, posting)


def _send(work: Work, posting: Posting) -> Entry:
    return ordering.send(work, posting) if posting.document in ORDER_DOCUMENTS else entries.send(work, posting)


FLOWS: dict[str, Flow] = {
    "payments": Flow(
        name="payments",
        streams=square_streams,
        stages=("sales", "money", "orders"),
        gather=_gather,
        find=_find,
        send=_send,
        confirm=entries.confirm,
        part=entries.part,
    )
}
