"""A faithful local stand-in of Square, written from its published schema and documentation."""

from connections.sandbox.square.sandbox import SquareSandbox, Tokens
from connections.sandbox.square.specs import ChargeSpec, LineSpec, Tax, TenderSpec
from connections.sandbox.square.till import Sale

__all__ = ["ChargeSpec", "LineSpec", "Sale", "SquareSandbox", "Tax", "TenderSpec", "Tokens"]
