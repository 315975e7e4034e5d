"""The flows there are, by the name a lane carries."""

from sync.flows.base import Flow
from sync.flows.payments import PAYMENTS

FLOWS: dict[str, Flow] = {"payments": PAYMENTS}
