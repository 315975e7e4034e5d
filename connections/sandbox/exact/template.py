"""What a new administration starts with: chart of accounts, VAT codes, journals, customers.

The opening of "shop": a retailer who sells through Square at two places.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision


class GL(NamedTuple):
    code: str
    description: str
    type: int
    name: str
    side: str
    vat: str | None = None


# Reference: section 9, financial/GLAccounts for the types. The tip account has a default VAT code on purpose: a sales
# line without a code of its own falls back to it, and the tip is taxed where one can see it.
GL_ACCOUNTS = (
    GL("1000", "Cash in tills", 10, "Cash", "D"),
    GL("1100", "Bank", 12, "Bank", "D"),
    GL("1105", "Square clearing", 12, "Bank", "D"),
    GL("1110", "Other tenders", 12, "Bank", "D"),
    GL("1290", "Bank in transit", 90, "General", "D"),
    GL("1291", "Disputed payments", 90, "General", "D"),
    GL("1292", "Reserve held by Square", 90, "General", "D"),
    GL("1293", "Square loan", 55, "Long term debt", "C"),
    GL("1300", "Accounts receivable", 20, "Accounts receivable", "D"),
    GL("1500", "VAT payable 21 %", 24, "VAT", "C"),
    GL("1501", "VAT payable 9 %", 24, "VAT", "C"),
    GL("1510", "VAT to claim", 24, "VAT", "D"),
    GL("1600", "Accounts payable", 22, "Accounts payable", "C"),
    GL("2150", "Tips payable to staff", 60, "Current portion of debt", "C", "2"),
    GL("2160", "Gift cards outstanding", 60, "Current portion of debt", "C"),
    GL("2990", "Suspense", 90, "General", "D"),
    GL("2999", "VAT on fees, invoice pending", 26, "Prepaid expenses", "D"),
    GL("4500", "Subscriptions", 120, "Other costs", "D"),
    GL("4960", "Payment processing fees", 120, "Other costs", "D"),
    GL("4965", "Platform fees", 121, "Sales, general and administrative expenses", "D"),
    GL("4970", "Losses on disputes", 120, "Other costs", "D"),
    GL("4990", "Rounding", 120, "Other costs", "D"),
    GL("8000", "Revenue 21 %", 110, "Revenue", "C", "2"),
    GL("8001", "Revenue 9 %", 110, "Revenue", "C", "1"),
    GL("8002", "Revenue 0 %", 110, "Revenue", "C", "0"),
    GL("8010", "Service charges", 110, "Revenue", "C", "2"),
    GL("8090", "Discounts given", 110, "Revenue", "C", "2"),
)


class VAT(NamedTuple):
    code: str
    description: str
    percentage: Decimal
    type: str
    pay: str | None = None
    claim: str | None = None


VAT_CODES = (
    VAT("0", "0 %", Decimal(0), "E"),
    VAT("1", "9 % excluding", Decimal("0.09"), "E", "1501", "1510"),
    VAT("2", "21 % excluding", Decimal("0.21"), "E", "1500", "1510"),
    VAT("3", "21 % including", Decimal("0.21"), "I", "1500", "1510"),
    VAT("NV", "No VAT", Decimal(0), "N"),
    VAT("VN", "Export outside the EU", Decimal(0), "B"),
)


class Journal(NamedTuple):
    code: str
    description: str
    type: int
    name: str
    gl: str | None = None
    vat: bool = False


JOURNALS = (
    Journal("10", "Cash", 10, "Cash", "1000"),
    Journal("20", "Bank", 12, "Bank", "1100"),
    Journal("21", "Square clearing", 12, "Bank", "1105"),
    Journal("60", "Purchases", 22, "Purchase", "1600", vat=True),
    Journal("70", "Sales", 20, "Sales", "1300", vat=True),
    Journal("90", "General", 90, "General journal"),
)

EXCHANGE = ("4995", "Exchange differences", 120)
COUNTER_SALES = "Counter sales"
CUSTOMERS = (
    ("Bakkerij De Molen", "Utrecht", "bestellingen@demolen.example"),
    ("Hotel Prinsengracht", "Amsterdam", "inkoop@prinsengracht.example"),
    ("Atelier Vos", "Utrecht", "info@ateliervos.example"),
    ("Brouwerij Het Anker", "Amsterdam", "kantoor@hetanker.example"),
    ("Kinderdagverblijf Zonnetje", "Amersfoort", "leiding@zonnetje.example"),
    ("Studio Noord", "Amsterdam", "hello@studionoord.example"),
    ("Van Dijk Advocaten", "Utrecht", "administratie@vandijk.example"),
    ("Museum Oud-West", "Amsterdam", "winkel@oudwest.example"),
    ("Café De Brug", "Utrecht", "chef@debrug.example"),
    ("Fietsenmaker Jansen", "Zeist", "jansen@fietsen.example"),
    ("Bloemenhuis Roos", "Amsterdam", "roos@bloemenhuis.example"),
    ("Tandartspraktijk Linden", "Utrecht", "balie@linden.example"),
    ("Yogaschool Stilte", "Bussum", "info@stilte.example"),
    ("Buurthuis De Kade", "Amsterdam", "beheer@dekade.example"),
    ("Drukkerij Smit", "Utrecht", "orders@smit.example"),
    ("Restaurant Zuid", "Amsterdam", "keuken@zuid.example"),
    ("Koffiehuis Centraal", "Utrecht", "koffie@centraal.example"),
    ("Architecten Bakker & Co", "Amsterdam", "post@bakkerco.example"),
    ("Boekhandel Pagina", "Haarlem", "info@pagina.example"),
    ("Sportclub Vooruit", "Utrecht", "bestuur@vooruit.example"),
)
PAYMENT_CONDITIONS = (("00", "Cash", "K", 0), ("14", "14 days", "B", 14), ("30", "30 days", "B", 30))
COST_CENTERS = (("AMS", "Amsterdam"), ("UTR", "Utrecht"))
COST_UNITS = (("SHOP", "Shop"), ("WEB", "Web shop"))


def fill(division: ExactDivision) -> None:
    """Give a new division everything above."""
    for gl in GL_ACCOUNTS:
        vat = {"VATCode": f"{gl.vat:<3}"} if gl.vat else {}
        division.add_gl_account(
            gl.code, gl.description, gl.type, TypeDescription=gl.name, **{**vat, "BalanceSide": gl.side}
        )
    for vat_code in VAT_CODES:
        division.add_vat_code(
            vat_code.code,
            vat_code.description,
            vat_code.percentage,
            vat_code.type,
            pay=vat_code.pay,
            claim=vat_code.claim,
        )
    for journal in JOURNALS:
        division.add_journal(
            journal.code, journal.description, journal.type, name=journal.name, gl=journal.gl, vat=journal.vat
        )
    for code, description, method, days in PAYMENT_CONDITIONS:
        columns = {"PaymentMethod": method, "PaymentDays": days, "PaymentEndOfMonths": 0, "Percentage": Decimal(1)}
        division.add("paymentconditions", Code=code, Description=description, **columns)
    for table, rows in (("costcenters", COST_CENTERS), ("costunits", COST_UNITS)):
        for code, description in rows:
            division.add(table, Code=code, Description=description)
    division.add("items", Code="SQUARE", Description="Sale through Square", IsSalesItem=True)
    division.add_account(COUNTER_SALES)
    for name, city, email in CUSTOMERS:
        division.add_account(name, City=city, Email=email)
