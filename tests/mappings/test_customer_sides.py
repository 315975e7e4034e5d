"""What each side takes of a customer, and the sentence where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from connections.providers.square import payloads
from mappings.customers import fields, sides
from mappings.customers.fields import NOTHING, Field, Value
from mappings.customers.sides import Held, Unfit

DAMRAK = ("Damrak 1", "", "1012 LG", "Amsterdam", "NL")


@pytest.mark.parametrize(
    ("field", "value", "held", "sent"),
    [
        (Field.NAME, ("Hotel Zon",), NOTHING, {"Name": "Hotel Zon"}),
        (Field.EMAIL, ("info@zon.example",), NOTHING, {"Email": "info@zon.example"}),
        (Field.EMAIL, NOTHING, ("info@zon.example",), {"Email": None}),
        (Field.PHONE, ("020 5550101",), NOTHING, {"Phone": "020 5550101"}),
        (Field.VAT, ("856240123B01",), NOTHING, {"VATNumber": "NL856240123B01"}),
        (Field.VAT, ("GR123456789",), NOTHING, {"VATNumber": "EL123456789"}),
        (Field.ADDRESS, ("Damrak 2", *DAMRAK[1:]), DAMRAK, {"AddressLine1": "Damrak 2"}),
        (Field.ADDRESS, NOTHING, DAMRAK, {"AddressLine1": None, "Postcode": None, "City": None}),
    ],
)
def test_exact_is_sent_only_what_differs(field: Field, value: Value, held: Value, sent: dict[str, Any]) -> None:
    assert sides.for_exact(field, value, Held(held), home="NL") == sent


@pytest.mark.parametrize(
    ("field", "value", "held", "sent"),
    [
        (Field.NAME, ("Hotel Zon",), Held(), {"company_name": "Hotel Zon"}),
        (Field.NAME, ("Jan de Vries",), Held(is_company=False), {"given_name": "Jan", "family_name": "de Vries"}),
        (Field.NAME, ("Cher",), Held(is_company=False), {"given_name": "Cher", "family_name": None}),
        (Field.EMAIL, NOTHING, Held(("a@b.example",)), {"email_address": None}),
        (Field.PHONE, ("+31 20 5550101",), Held(), {"phone_number": "+31 20 5550101"}),
        (Field.VAT, ("NL 8562.40.123.B01",), Held(), {"tax_ids": {"eu_vat": "NL856240123B01"}}),
        (Field.VAT, NOTHING, Held(("NL856240123B01",)), {"tax_ids": {"eu_vat": None}}),
        (Field.ADDRESS, ("Damrak 1", "", "1013 AA", "Amsterdam", "NL"), Held(DAMRAK),
         {"address": {"postal_code": "1013 AA"}}),
        (Field.ADDRESS, NOTHING, Held(DAMRAK), {"address": None}),
    ],
)  # fmt: skip
def test_square_is_sent_only_what_differs(field: Field, value: Value, held: Held, sent: dict[str, Any]) -> None:
    assert sides.for_square(field, value, held, home="NL") == sent


LONG = "a" * 95 + "@zon.example"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (Field.VAT, ("NL12",), "The VAT number is not one"),
        (Field.VAT, ("12345678",), "The VAT number is not one"),
        (Field.EMAIL, ("nobody",), "The e-mail is no address"),
        (Field.EMAIL, (LONG,), "The e-mail has 107 characters; Exact takes 100"),
        (Field.NAME, NOTHING, "The name is empty"),
        (Field.NAME, ("x" * 51,), "The name has 51 characters; Exact takes 50"),
        (Field.PHONE, ("0" * 31,), "The phone has 31 characters"),
        (Field.ADDRESS, ("x" * 61, "", "", "", ""), "The address's first line has 61 characters"),
        (Field.ADDRESS, (*DAMRAK[:4], "ZZ"), "country ZZ, which Exact does not know"),
        (Field.CONTACT, ("Jan", "Vos"), "no part of an account"),
    ],
)
def test_what_exact_does_not_take_is_said_with_the_field(field: Field, value: Value, said: str) -> None:
    with pytest.raises(Unfit, match=said) as refusal:
        sides.for_exact(field, value, Held(), home="NL")
    assert not value or value[0] not in str(refusal.value)  # a sentence carries no personal data


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (Field.PHONE, ("12345678",), "The phone number is none that Square takes"),
        (Field.PHONE, ("call me",), "The phone number is none that Square takes"),
        (Field.EMAIL, ("x" * 250 + "@z.example",), "Square takes 254"),
        (Field.VAT, ("CHE123456789",), "The VAT number is not one"),
        (Field.ADDRESS, (*DAMRAK[:4], "XX"), "which Square does not know"),
    ],
)
def test_what_square_does_not_take_is_said_with_the_field(field: Field, value: Value, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        sides.for_square(field, value, Held(), home="NL")


def test_a_contact_needs_both_names() -> None:
    assert sides.contact(("Jan", "Vos")) == {"FirstName": "Jan", "LastName": "Vos"}
    with pytest.raises(Unfit, match="only one name"):
        sides.contact(("Jan", ""))


def test_square_knows_a_company_with_a_person_or_a_person() -> None:
    where = {"address_line_1": "Damrak 1", "address_line_2": "a", "locality": "A"}
    named = {"company_name": "Hotel  Zon", "given_name": "Eva", "family_name": "Bos"}
    hotel = payloads.customer({"id": "C", **named, "address": where})
    eva = payloads.customer({"id": "C", "given_name": "Eva", "family_name": "Bos", "tax_ids": {"eu_vat": "X"}})
    assert fields.of_square(hotel)[Field.NAME] == ("Hotel Zon",)
    assert fields.of_square(hotel)[Field.CONTACT] == ("Eva", "Bos")
    assert fields.of_square(hotel)[Field.ADDRESS] == ("Damrak 1", "a", "", "A", "")
    assert fields.of_square(eva)[Field.NAME] == ("Eva Bos",)
    assert fields.of_square(eva)[Field.VAT] == ("X",)
    assert fields.of_square(eva)[Field.ADDRESS] == NOTHING
