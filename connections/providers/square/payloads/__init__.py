"""What we read of Square's objects: frozen, typed, in minor units. Unknown fields and enum values do no harm.

Reference: Square API reference, Square-Version 2025-08-20.
"""

from connections.providers.square.payloads.amounts import Fee, Money, amount, money
from connections.providers.square.payloads.disputes import LOST as LOST_DISPUTE
from connections.providers.square.payloads.disputes import Dispute, dispute
from connections.providers.square.payloads.invoices import Invoice, PaymentRequest, invoice
from connections.providers.square.payloads.ordered import Fulfilment, Goods, Ordered, ordered
from connections.providers.square.payloads.orders import (
    AppliedTax,
    Order,
    OrderLine,
    OrderReturn,
    OrderTax,
    ReturnLine,
    ServiceCharge,
    Tender,
    order,
)
from connections.providers.square.payloads.parties import Customer, Location, Merchant, customer, location, merchant
from connections.providers.square.payloads.payments import Payment, payment
from connections.providers.square.payloads.payouts import Payout, PayoutEntry, payout, payout_entry
from connections.providers.square.payloads.refunds import PaymentRefund, refund

__all__ = [
    "LOST_DISPUTE",
    "AppliedTax",
    "Customer",
    "Dispute",
    "Fee",
    "Fulfilment",
    "Goods",
    "Invoice",
    "Location",
    "Merchant",
    "Money",
    "Order",
    "OrderLine",
    "OrderReturn",
    "OrderTax",
    "Ordered",
    "Payment",
    "PaymentRefund",
    "PaymentRequest",
    "Payout",
    "PayoutEntry",
    "ReturnLine",
    "ServiceCharge",
    "Tender",
    "amount",
    "customer",
    "dispute",
    "invoice",
    "location",
    "merchant",
    "money",
    "order",
    "ordered",
    "payment",
    "payout",
    "payout_entry",
    "refund",
]
