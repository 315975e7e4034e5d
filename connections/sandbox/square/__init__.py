"""A faithful local stand-in of Square, written from its published schema and documentation."""

from connections.sandbox.square.payouts import TransferFee
from connections.sandbox.square.placing import FulfilmentSpec
from connections.sandbox.square.returns import RefundRefused
from connections.sandbox.square.sandbox import SquareSandbox, Tokens
from connections.sandbox.square.specs import ChargeSpec, LineSpec, RefundSpec, RequestSpec, Tax, TenderSpec
from connections.sandbox.square.till import Sale

__all__ = [
    "ChargeSpec",
    "FulfilmentSpec",
    "LineSpec",
    "RefundRefused",
    "RefundSpec",
    "RequestSpec",
    "Sale",
    "SquareSandbox",
    "Tax",
    "TenderSpec",
    "Tokens",
    "TransferFee",
]
