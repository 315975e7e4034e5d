"""What is asked of Exact about invoices: in bulk, with short queries, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from connections.providers.exact import odata
from connections.providers.exact.invoices import ACCOUNTS, NUMBERED, NUMBERS, REFERENCES, NumberedEntry, _terms, carries
from connections.providers.exact.resources import RECEIVABLES

# Of 2,048 characters some are the address itself.
LONGEST = 1960
ENTRY = NumberedEntry("guid", 26700012, 12, "0000012", "customer", Decimal("1574.00"), "EUR")


@pytest.mark.parametrize(
    ("entry", "number", "expected"),
    [
        (ENTRY, "0000012", True),
        (replace(ENTRY, reference="typed"), "0000012", True),
        (replace(ENTRY, invoice_number=26700012), "0000012", True),
        (replace(ENTRY, reference="typed", invoice_number=26700012), "0000012", False),
        (ENTRY, "INV-12", False),
        (replace(ENTRY, reference="INV-12"), "INV-12", True),
    ],
)
def test_an_entry_carries_a_number_as_its_own_or_as_its_reference(entry, number, expected):
    assert carries(entry, number) is expected


def test_a_number_that_is_no_number_is_asked_for_as_reference_only():
    assert [str(term.text) for term in _terms("INV-12")] == ["YourRef eq 'INV-12'"]
    assert [str(term.text) for term in _terms("0000012")] == ["YourRef eq '0000012'", "InvoiceNumber eq 12"]
    assert len(list(_terms("99999999999999"))) == 1


def test_the_queries_stay_below_what_web_servers_take():
    terms = [term for _ in range(NUMBERS) for term in _terms("9999999")]
    assert len(odata.query(select=NUMBERED.select, where=odata.any_of(*terms))) < LONGEST
    references = [odata.eq("YourRef", "TB-" + "0" * 16)] * REFERENCES
    assert len(odata.query(select=RECEIVABLES.select, where=odata.any_of(*references))) < LONGEST
    accounts = [odata.eq("AccountId", UUID(int=0))] * ACCOUNTS
    assert len(odata.query(select=RECEIVABLES.select, where=odata.any_of(*accounts))) < LONGEST
