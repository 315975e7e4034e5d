"""What the columns of a mapping's spreadsheet are: natural keys in and out, never an id of ours.

The columns are import-export resources; their widgets read a cell with what the division is known to have (`Known`), so
that 50,000 lines cost a few statements per hundred and not five each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from django.db.models import F, QuerySet
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.widgets import Widget

from audit.cells import restored_text, safe_text
from connections.models import Connection, Division, Location
from mappings import objections
from mappings.bookkeeping.legs import ProblemKind
from mappings.models import (
    CustomerMapping,
    DebtorAccount,
    Decision,
    ExactItem,
    GLMapping,
    ItemMapping,
    LedgerAccount,
    ReferenceRow,
    VatCode,
)
from mappings.roles import Role

Row = TypeVar("Row", bound=ReferenceRow)

HIGHEST_RATE = 1000
DECIDED = (Decision.MATCHED.value, Decision.IGNORED.value)


@dataclass
class Known:
    """The rows that cells may name, by what they are called. `debtors` and `items`: those of the lines at hand only."""

    divisions: Mapping[str, Division]
    merchants: Mapping[str, Connection]
    locations: Mapping[str, str]
    accounts: Mapping[tuple[int, str], LedgerAccount]
    vat_codes: Mapping[tuple[int, str], VatCode]
    debtors: dict[tuple[int, str], DebtorAccount] = field(default_factory=dict)
    items: dict[tuple[int, str], ExactItem] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Known:
        square = Connection.objects.filter(system=Connection.System.SQUARE).without_secrets()
        places = list(Location.objects.order_by("pk"))
        return cls(
            divisions={str(row.code): row for row in Division.objects.filter(is_pinned=True)},
            merchants={row.label: row for row in square},
            locations={place.name: place.location_id for place in places}
            | {place.location_id: place.location_id for place in places},
            accounts=_by_code(LedgerAccount.objects.all()),
            vat_codes=_by_code(VatCode.objects.all()),
        )

    def meet(self, subject: Subject, lines: Iterable[Mapping[str, str]]) -> None:
        """Read the customers or items that the next lines name, and forget the others."""
        column = subject.column(subject.target)
        codes = {restored_text(cells.get(column, "")).strip() for cells in lines} - {""}
        if subject.target == "debtor":
            self.debtors = _by_code(DebtorAccount.objects.filter(code__in=codes))
        elif subject.target == "item":
            self.items = _by_code(ExactItem.objects.filter(code__in=codes))


def _by_code(rows: QuerySet[Row]) -> dict[tuple[int, str], Row]:
    """By division and code; of a code that was removed in Exact and made anew the row in use."""
    in_use_last = rows.order_by(F("gone_at").asc(nulls_last=True), "pk")
    return {(row.division_id, row.code): row for row in in_use_last}


class Cell(Widget):  # type: ignore[misc]  # the library has no types
    """Text: blanks at its ends do not count, and what an export made harmless is as it was."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        return restored_text(value or "").strip()

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:  # noqa: ARG002
        return safe_text(str(value)) if value is not None else ""


class Choice(Cell):
    """One of a few words, written as on the screen or as in the code."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__()
        self.words = tuple(words)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        word = str(super().clean(value, row, **kwargs)).casefold().replace(" ", "_")
        if word not in self.words:
            known = ", ".join(name.replace("_", " ") for name in self.words)
            raise ValueError(f"“{value}” is not one of: {known}.")
        return word


class Rate(Cell):
    """Per cents with a point or a comma, 21 or 5,5; empty for none."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:  # noqa: ARG002
        text = str(value or "").strip().removesuffix("%").strip().replace(",", ".")
        if not text:
            return None
        try:
            rate = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"“{value}” is not a number.") from None
        places = -int(rate.as_tuple().exponent) if rate.is_finite() else 0
        if not rate.is_finite() or not 0 <= rate < HIGHEST_RATE or places > 4:  # noqa: PLR2004
            raise ValueError(f"“{value}” is no rate of tax: 0 to 999.9999 is.")
        return rate

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:  # noqa: ARG002
        return "" if value is None else f"{value.normalize():f}"


class Day(Cell):
    """2026-03-31, or 31-03-2026 as a Dutch spreadsheet writes it."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> date:  # noqa: ARG002
        text = str(value or "").strip()[:10].replace("/", "-")
        parts = text.split("-")
        try:
            return date.fromisoformat(text if len(parts[0]) == 4 else "-".join(reversed(parts)))  # noqa: PLR2004
        except ValueError:
            raise ValueError(f"“{value}” is not a day. Write it as 2026-03-31.") from None

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:  # noqa: ARG002
        return value.isoformat() if value else ""


class Named(Cell):
    """A row that the cell names. `find(known, text, row)` gives it or None; `missing` says what there is not, without a
    full stop.
    """

    def __init__(
        self, find: Callable[[Known, str, Mapping[str, Any]], Any], missing: str, *, may_be_empty: bool = False
    ) -> None:
        super().__init__()
        self.find, self.missing, self.may_be_empty = find, missing, may_be_empty

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = super().clean(value, row)
        if not text and self.may_be_empty:
            return None
        found = self.find(kwargs["known"], text, row)
        if found is None:
            raise ValueError(self.objection(kwargs["known"], text))
        return found

    def objection(self, known: Known, text: str) -> str:  # noqa: ARG002 - for those who know more
        return f"{self.missing.format(text or '(empty)')}."


class OfDivision(Named):
    """A row of the line's division, by its code. `rows` is where `Known` has them."""

    def __init__(self, rows: str, missing: str) -> None:
        super().__init__(_of_division(rows), missing, may_be_empty=True)
        self.rows = rows

    def objection(self, known: Known, text: str) -> str:
        """Of a code that another division has, which one: the line or the file is probably meant for that."""
        held = getattr(known, self.rows)
        others = [code for code, division in known.divisions.items() if (division.pk, text) in held]
        if not others:
            return super().objection(known, text)
        return f"{self.missing.format(text)}: it is one of division {others[0]}. Write the division's own."


def _division(known: Known, text: str, _row: Mapping[str, Any]) -> Division | None:
    return known.divisions.get(text)


def _of_division(rows: str) -> Callable[[Known, str, Mapping[str, Any]], Any]:
    def find(known: Known, text: str, row: Mapping[str, Any]) -> Any:
        division = known.divisions.get(restored_text(row.get("division", "")).strip())
        return getattr(known, rows).get((division.pk, text)) if division else None

    return find


def _location(known: Known, text: str, _row: Mapping[str, Any]) -> str | None:
    return known.locations.get(text)


class LocationCell(Named):
    """A Square location by name or id; empty for every location."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return super().clean(value, row, **kwargs) or ""


DIVISION = Named(_division, "There is no pinned division {}. Write its number as Exact shows it")
ACCOUNT = OfDivision("accounts", "The division has no GL account {}")
VAT_CODE = OfDivision("vat_codes", "The division has no VAT code {}")
DEBTOR = OfDivision("debtors", "The division has no account {}")
ITEM = OfDivision("items", "The division has no item {}")
MERCHANT = Named(lambda known, text, _: known.merchants.get(text), "There is no Square connection called {}")
LOCATION = LocationCell(_location, "There is no Square location {}", may_be_empty=True)


def text(name: str) -> Field:
    return Field(attribute=name, column_name=name, widget=Cell())


def named(column: str, attribute: str, widget: Widget) -> Field:
    """A row under the name people know it by: exported through `attribute`, read by the widget."""
    return Field(attribute=attribute, column_name=column, widget=widget)


class DecisionSheet(ModelResource):  # type: ignore[misc]
    """What every mapping has."""

    division = named("division", "division__code", DIVISION)
    status = Field(attribute="status", column_name="status", widget=Choice(Decision.values))
    effective_from = Field(attribute="effective_from", column_name="effective_from", widget=Day())
    reason = text("reason")


class MerchantSheet(DecisionSheet):
    """What a mapping of something in Square has."""

    merchant = named("square_connection", "merchant__label", MERCHANT)
    square_name = text("square_name")


class RuleSheet(DecisionSheet):
    role = Field(attribute="role", column_name="role", widget=Choice(role.value for role in Role))
    location = Field(attribute="location", column_name="location", widget=LOCATION)
    tender, tax_name = text("tender"), text("tax_name")
    tax_rate = Field(attribute="tax_rate", column_name="tax_rate", widget=Rate())
    category, customer_kind = text("category"), text("customer_kind")
    fee_type, payout_entry_type = text("fee_type"), text("payout_entry_type")
    account = named("account", "account__code", ACCOUNT)
    vat_code = named("vat_code", "vat_code__code", VAT_CODE)
    cost_center, cost_unit = text("cost_center"), text("cost_unit")

    class Meta:
        model = GLMapping
        fields = export_order = (
            "division", "role", "location", "tender", "tax_name", "tax_rate", "category", "customer_kind", "fee_type",
            "payout_entry_type", "account", "vat_code", "cost_center", "cost_unit", "status", "effective_from",
            "reason",
        )  # fmt: skip


class CustomerSheet(MerchantSheet):
    square_customer_id = text("square_customer_id")
    debtor = named("exact_account", "debtor__code", DEBTOR)

    class Meta:
        model = CustomerMapping
        fields = export_order = (
            "division", "merchant", "square_customer_id", "square_name", "debtor", "status", "effective_from", "reason",
        )  # fmt: skip


class ItemSheet(MerchantSheet):
    square_item = text("square_item")
    item = named("exact_item", "item__code", ITEM)

    class Meta:
        model = ItemMapping
        fields = export_order = (
            "division", "merchant", "square_item", "square_name", "item", "status", "effective_from", "reason",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """What can be imported. `key`: the fields that say which mapping a line is about, `narrow` the one that tells most
    of them apart. `target`: the field that a matched mapping must fill; `relations` beside the division. `solves`: what
    may then go on.
    """

    name: str
    model: type[GLMapping] | type[CustomerMapping] | type[ItemMapping]
    sheet: ModelResource
    key: tuple[str, ...]
    narrow: str
    target: str
    relations: tuple[str, ...]
    object_to: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]]
    solves: tuple[ProblemKind, ...]

    @property
    def fields(self) -> dict[str, Field]:
        fields: dict[str, Field] = self.sheet.fields
        return {name: fields[name] for name in self.sheet._meta.fields}

    def column(self, field_name: str) -> str:
        return str(self.fields[field_name].column_name)

    def cells(self, row: Any) -> dict[str, str]:
        """A mapping as a line of an export, by column."""
        return {field.column_name: field.export(row) for field in self.fields.values()}


SUBJECTS: Mapping[str, Subject] = {
    "glmapping": Subject(
        "glmapping", GLMapping, RuleSheet(),
        ("division", "role", "location", "tender", "tax_name", "tax_rate", "category", "customer_kind", "fee_type",
         "payout_entry_type", "effective_from"),
        "role", "account", ("account", "vat_code"), objections.to_rule,
        (ProblemKind.UNMAPPED_ACCOUNT, ProblemKind.UNMAPPED_TAX, ProblemKind.AMBIGUOUS_TAX, ProblemKind.UNUSABLE),
    ),
    "customermapping": Subject(
        "customermapping", CustomerMapping, CustomerSheet(),
        ("division", "merchant", "square_customer_id", "effective_from"), "square_customer_id", "debtor",
        ("merchant", "debtor"), objections.to_customer, (ProblemKind.UNMAPPED_CUSTOMER, ProblemKind.UNUSABLE),
    ),
    "itemmapping": Subject(
        "itemmapping", ItemMapping, ItemSheet(), ("division", "merchant", "square_item", "effective_from"),
        "square_item", "item", ("merchant", "item"), objections.to_item, (ProblemKind.UNMAPPED_ITEM,),
    ),
}  # fmt: skip
