"""A shop ready to work: both connections authorised, a division pinned, mappings made, a lane switched on.

Used by the demo, `prove`, the benchmarks and the tests. Everything goes through the product's own functions and over
the wire; only the consent pages are skipped, as the sandbox issues the tokens itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from connections import clock, credentials, divisions, endpoints, locations
from connections.grants import Grant
from connections.models import Connection, Division, Location
from connections.providers.square import oauth
from connections.sandbox.app import Sandbox
from connections.sandbox.exact.apps import Limits
from mappings import reference
from mappings.models import CustomerMapping, DebtorAccount, Decision, GLMapping, LedgerAccount, VatCode
from mappings.resolution import NO_TAX
from mappings.roles import Role
from sync.models import CustomerPolicy, LaneLocation, SyncLane
from sync.models.lanes import CUSTOMERS

DIVISION = 123456
REGION = "nl"
SQUARE_APP, EXACT_APP = "sandbox-square-app", "sandbox-exact-app"
SECRET = "sandbox-secret"  # noqa: S105 - the sandbox's own, worth nothing elsewhere
KNOWN_CUSTOMERS = ("Hotel Prinsengracht", "Atelier Vos", "Museum Oud-West")

MUSEUM_PLACE = {"address_line_1": "Kinkerstraat 44", "postal_code": "1053 DX", "locality": "Amsterdam", "country": "NL"}


@dataclass(frozen=True, slots=True)
class Shop:
    square: Connection
    exact: Connection
    division: Division
    lane: SyncLane


def found(sandbox: Sandbox, *, limits: Limits | None = None) -> list[str]:
    """The vendors' side: applications, a division with its chart. Returns Square customers that Exact knows too."""
    site = sandbox.exact.site(REGION)
    redirect = endpoints.redirect_address
    site.register_app(
        EXACT_APP, SECRET, [redirect("exact")], limits=limits, loopback_redirect=True, keeps_suppliers=True
    )
    sandbox.square.register_app(SQUARE_APP, SECRET, [redirect("square")])
    site.add_division(DIVISION, "Koffiehuis Tillbridge BV", registration_number="12345678")
    return [sandbox.square.add_customer(company_name=name)["id"] for name in KNOWN_CUSTOMERS]


def furnish(
    sandbox: Sandbox,
    *,
    go_live: date,
    customers: Sequence[str] = (),
    sales_grouping: str = "daily_summary",
    is_enabled: bool = True,
    label: str = "Koffiehuis",
) -> Shop:
    """Our side, as a bookkeeper would set it up."""
    square, exact = _connect_square(sandbox, label), connect_exact(sandbox, label)
    locations.discover(square)
    division = next(row for row in divisions.discover(exact) if row.code == DIVISION)
    division = divisions.pin(division, by="demo")
    reference.refresh(division)
    map_accounts(division)
    map_customers(division, square, customers)
    lane = open_lane(
        division, square, go_live=go_live, sales_grouping=sales_grouping, is_enabled=is_enabled, label=label
    )
    square.refresh_from_db()
    return Shop(square=square, exact=exact, division=division, lane=lane)


def _connect_square(sandbox: Sandbox, label: str) -> Connection:
    tokens = sandbox.square.issue_tokens(SQUARE_APP, (*oauth.SCOPES, *oauth.WRITE_SCOPES))
    row = Connection.objects.create(
        system=Connection.System.SQUARE, environment=Connection.Environment.LOCAL_SANDBOX, label=f"{label} (Square)",
        client_id=SQUARE_APP, client_secret=SECRET,
    )  # fmt: skip
    now = clock.now()
    grant = Grant(
        access=tokens.access_token, refresh=tokens.refresh_token, granted_at=now, access_expires_at=tokens.expires_at,
        renew_from=now + timedelta(days=7), dies_at=None, account_id=tokens.merchant_id,
    )  # fmt: skip
    return credentials.adopt(row, grant, scopes=" ".join(tokens.scopes), account_id=tokens.merchant_id)


def connect_exact(sandbox: Sandbox, label: str) -> Connection:
    tokens = sandbox.exact.site(REGION).issue_tokens(EXACT_APP)
    row = Connection.objects.create(
        system=Connection.System.EXACT, environment=Connection.Environment.LOCAL_SANDBOX, region=REGION,
        label=f"{label} (Exact)", client_id=EXACT_APP, client_secret=SECRET,
    )  # fmt: skip
    now = clock.now()
    grant = Grant(
        access=tokens.access_token, refresh=tokens.refresh_token, granted_at=now,
        access_expires_at=now + timedelta(seconds=600), renew_from=now + timedelta(seconds=570),
        dies_at=now + timedelta(days=30),
    )  # fmt: skip
    return credentials.adopt(row, grant)


# role, GL account, VAT code, what the rule narrows on
RULES: tuple[tuple[Role, str, str, dict[str, object]], ...] = (
    (Role.REVENUE, "8000", "2", {"tax_rate": Decimal(21)}),
    (Role.REVENUE, "8001", "1", {"tax_rate": Decimal(9)}),
    (Role.REVENUE, "8002", "0", {"tax_rate": Decimal(0)}),
    (Role.REVENUE, "8002", "0", {"tax_name": NO_TAX}),
    (Role.SERVICE_CHARGE, "8010", "2", {"tax_rate": Decimal(21)}),
    (Role.SERVICE_CHARGE, "8010", "1", {"tax_rate": Decimal(9)}),
    (Role.SERVICE_CHARGE, "8010", "0", {"tax_name": NO_TAX}),
    (Role.TIPS, "2150", "NV", {}),
    (Role.GIFT_CARD, "2160", "NV", {}),
    (Role.OTHER_TENDER, "1110", "", {"tender": "EXTERNAL:FOOD_VOUCHER"}),
    (Role.OTHER_TENDER, "1110", "", {"tender": "EXTERNAL:CHECK"}),
    (Role.PROCESSING_FEE, "4960", "", {}),
    (Role.PLATFORM_FEE, "4965", "", {}),
    (Role.ROUNDING, "4990", "NV", {}),
    (Role.TRANSIT, "1290", "", {}),
    (Role.PROCESSING_FEE, "4500", "", {"payout_entry_type": "SUBSCRIPTION_FEE"}),
    (Role.FEE_VAT_PENDING, "2999", "", {}),
    (Role.SUSPENSE, "2990", "", {}),
    (Role.DISPUTE, "1291", "", {}),
    (Role.DISPUTE_LOSS, "4970", "", {}),
    (Role.RESERVE, "1292", "", {}),
    (Role.LOAN, "1293", "", {}),
)


def map_accounts(division: Division, *, since: date = date(2020, 1, 1)) -> None:
    """The mapping of the demonstration chart."""
    accounts = {row.code: row for row in LedgerAccount.objects.filter(division=division)}
    codes = {row.code: row for row in VatCode.objects.filter(division=division)}
    for role, account, code, narrowed in RULES:
        GLMapping.objects.create(
            division=division, role=role, account=accounts[account], vat_code=codes.get(code), effective_from=since,
            reason="Demonstration chart of accounts", decided_by="demo", decided_at=clock.now(), **narrowed,
        )  # fmt: skip


def map_customers(division: Division, square: Connection, customers: Sequence[str]) -> None:
    for customer, name in zip(customers, KNOWN_CUSTOMERS, strict=False):
        CustomerMapping.objects.create(
            division=division, merchant=square, square_customer_id=customer, square_name=name, status=Decision.MATCHED,
            debtor=DebtorAccount.objects.get(division=division, name=name), effective_from=date(2020, 1, 1),
            reason="Same name", decided_by="demo", decided_at=clock.now(),
        )  # fmt: skip


def open_lane(
    division: Division, square: Connection, *, go_live: date, sales_grouping: str, is_enabled: bool, label: str
) -> SyncLane:
    """A lane fed by every location of the merchant."""
    lane = SyncLane.objects.create(
        label=f"{label}: payments", source=square, division=division, go_live=go_live, sales_grouping=sales_grouping,
        collective_debtor=DebtorAccount.objects.get(division=division, name="Counter sales"), sales_journal="70",
        clearing_journal="21", cash_journal="10", is_enabled=is_enabled, due_at=clock.now() if is_enabled else None,
    )  # fmt: skip
    for location in Location.objects.filter(connection=square, is_active=True):
        LaneLocation.objects.create(lane=lane, location=location)
    return lane


def keep_customers(shop: Shop, *, is_enabled: bool = True, **choices: object) -> SyncLane:
    """A lane beside the one that books, which keeps the customers of both sides in step."""
    lane = SyncLane.objects.create(
        label=shop.lane.label.replace("payments", "customers"), flow=CUSTOMERS, source=shop.square,
        division=shop.division, go_live=clock.now().date(), is_enabled=is_enabled,
        due_at=clock.now() if is_enabled else None,
    )  # fmt: skip
    CustomerPolicy.objects.create(lane=lane, **choices)
    return lane


def edit_customers(sandbox: Sandbox) -> None:
    """What people type on the two sides in a quarter of an hour: three edits to pass on, one that both made."""
    square, books = sandbox.square, sandbox.exact.site(REGION).division(DIVISION)
    hotel, atelier, museum = (_named(sandbox, name) for name in KNOWN_CUSTOMERS)
    square.change_customer(hotel, phone_number="+31 20 5550101", given_name="Eva", family_name="Bos")
    square.change_customer(museum, address=MUSEUM_PLACE, tax_ids={"eu_vat": "12345678"})
    square.change_customer(atelier, email_address="studio@ateliervos.example")
    accounts = books.tables["accounts"]
    for name, columns in (
        (KNOWN_CUSTOMERS[0], {"PaymentConditionSales": "30", "VATNumber": "NL856240123B01"}),
        (KNOWN_CUSTOMERS[1], {"Email": "boekhouding@ateliervos.example"}),
    ):
        for row in accounts.find("Name", name):
            accounts.change(row["ID"], **columns, Modified=books.now())


def _named(sandbox: Sandbox, name: str) -> str:
    profiles = sandbox.square.state.customers.values()
    return str(next(profile["id"] for profile in profiles if profile.get("company_name") == name))
