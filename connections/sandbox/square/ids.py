"""Ids in the shapes Square gives them, the same again for the same seed.

Reference: OpenAPI maximum lengths and real sandbox records (payments end in `ZY`, locations begin with `L`).
"""

from __future__ import annotations

import random
import string
import uuid

_MIXED = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids:
    def __init__(self, seed: int, purpose: str) -> None:
        self._random = random.Random(f"{purpose}:{seed}")

    def _of(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def payment(self) -> str:
        return self._of(_MIXED, 27) + "ZY"

    def order(self) -> str:
        return self._of(_MIXED, 27) + "ZY"

    def refund(self, payment_id: str) -> str:
        return f"{payment_id}_{self._of(_MIXED, 43)}"

    def customer(self) -> str:
        return self._of(_BASE32, 26)

    def location(self) -> str:
        return "L" + self._of(_UPPER, 12)

    def merchant(self) -> str:
        return "ML" + self._of(_UPPER, 11)

    def catalog(self) -> str:
        return self._of(_UPPER, 24)

    def uid(self) -> str:
        return self._of(_MIXED, 22)

    def fingerprint(self) -> str:
        return "sq-1-" + self._of(_MIXED + "-_", 66)

    def payout(self) -> str:
        return f"po_{uuid.UUID(int=self._random.getrandbits(128), version=4)}"

    def payout_entry(self) -> str:
        return "poe_" + self._of(_MIXED, 30)

    def bank_account(self) -> str:
        return "bact:" + self._of(_MIXED, 20)

    def dispute(self) -> str:
        return self._of(_MIXED, 21)

    def invoice(self) -> str:
        return "inv:0-" + self._of(_MIXED, 27)

    def digits(self, length: int) -> str:
        return self._of(string.digits, length)

    def access_token(self) -> str:
        return "EAAA" + self._of(_MIXED + "-_", 60)

    def refresh_token(self) -> str:
        return "EQAA" + self._of(_MIXED + "-_", 60)

    def code(self) -> str:
        return "sq0cgp-" + self._of(_MIXED + "-_", 22)

    def cursor(self) -> str:
        return self._of(_MIXED + "-_", 64)
