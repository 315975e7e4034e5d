"""Two Exact accounts that may be one Square customer, records that wait for it, and a person who decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client

from mappings import reference
from mappings.models import CustomerMapping, DebtorAccount
from tests.journeys.pages import page_of
from tests.journeys.shop import Till

TWICE = "Jansen"


@dataclass
class Quarrel:
    """`mapping`: the customer in conflict; `near` and `far`: the accounts, in Utrecht and in Zeist."""

    till: Till
    mapping: CustomerMapping
    sales: list[Any]
    near: DebtorAccount
    far: DebtorAccount

    def booked_on(self) -> set[str]:
        """The codes of the accounts that receivables stand on, counter sales aside."""
        books = self.till.world.books
        codes = {row["ID"]: row["Code"].strip() for row in books.tables["accounts"]}
        return {codes[line["Account"]] for line in books.lines() if line["GLAccountCode"] == "1300"}

    def states(self) -> list[str]:
        return [self.till.item(sale).state for sale in self.sales]


def relation(till: Till, name: str, **more: Any) -> Any:
    return till.world.books.add_account(name, Status="C", IsSales=True, **more)


def customer(till: Till, **fields: Any) -> str:
    made: str = till.world.sandbox.square.add_customer(**fields)["id"]
    return made


def mapping_of(customer_id: str) -> CustomerMapping:
    return CustomerMapping.objects.get(square_customer_id=customer_id)


def begin(till: Till) -> Quarrel:
    """Jansen bought twice; Exact has a Jansen in Utrecht, whose phone is the same, and one in Zeist."""
    relation(till, TWICE, City="Utrecht", Postcode="3511 AB", AddressLine1="Oudegracht 12", Phone="030 2312345")
    relation(till, TWICE, City="Zeist", Email="post@jansen.example", VATNumber="NL001234567B01")
    reference.refresh(till.world.shop.division)
    home = {"address_line_1": "Oudegracht 12", "postal_code": "3511 AB", "locality": "Utrecht", "country": "NL"}
    profile = {
        "company_name": "Jansen B.V.", "given_name": "Piet", "family_name": "Jansen", "phone_number": "+31 30 231 2345",
        "email_address": "piet@jansen.example", "reference_id": "R-77",
        "address": home,
    }  # fmt: skip
    who = customer(till, **profile)
    sales = [till.sell(customer_id=who), till.sell(customer_id=who)]
    till.next_morning()
    near, far = (DebtorAccount.objects.get(name=TWICE, city=city) for city in ("Utrecht", "Zeist"))
    return Quarrel(till, mapping_of(who), sales, near, far)


def resolve(browser: Client, row: Any, verb: str, reason: str = "Phoned them.", **fields: Any) -> Any:
    """What a person does on the side-by-side page: open it, fill in, press a button."""
    address = page_of(row, "resolve")
    shown = browser.get(address).context
    since = shown["form"].initial["since"].isoformat()
    return browser.post(
        address, {"seen": shown["seen"], "since": since, "reason": reason, "verb": verb, **fields}, follow=True
    )
