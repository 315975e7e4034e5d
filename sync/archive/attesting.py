"""After a load: what each table holds, counted on both sides. Equal, or the difference is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from audit.trail import Fact
from connections import clock
from connections.providers.snowflake import statements
from connections.providers.snowflake.statements import Total
from sync import engine
from sync.archive import documents
from sync.archive.catalogue import BY_NAME
from sync.archive.making import ask
from sync.archive.work import Copying
from sync.archive.writing import SYSTEM
from sync.engine import Outcome
from sync.models import ArchiveAttestation, ArchiveTable

# Tables in one statement. Snowflake reads each once however many divisions are in it.
AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one table and division: rows ever written, the sum of their amounts, the highest row version."""

    rows: int
    amount: Decimal
    version: int

    def differences(self, theirs: Totals) -> list[str]:
        found = []
        if theirs.rows != self.rows:
            what = "missing" if theirs.rows < self.rows else "too many"
            found.append(f"{abs(theirs.rows - self.rows)} rows {what} (written {self.rows}, there {theirs.rows})")
        if theirs.amount != self.amount:
            found.append(f"the sum of amounts is {plain(theirs.amount)} instead of {plain(self.amount)}")
        if theirs.version != self.version:
            found.append(f"the highest row version is {theirs.version} instead of {self.version}")
        return found


NOTHING = Totals(0, documents.ZERO, 0)


def attest_all(copying: Copying) -> None:
    """Every table that was written since it was last proved, of every division of the lane."""
    owing = ArchiveTable.objects.filter(cursor__lane=copying.work.lane, owes_proof=True)
    tables = list(owing.select_related("division__connection").order_by("pk"))
    theirs = count(copying, tables)
    for table in tables:
        division = table.division
        held = theirs.get((table.entity, division.connection.region, division.code), NOTHING)
        _keep(copying, table, held)


def count(copying: Copying, tables: Iterable[ArchiveTable]) -> Mapping[tuple[str, str, int], Totals]:
    """(table, region, division) -> what Snowflake holds."""
    region = copying.work.lane.source.region
    names = list(dict.fromkeys(table.entity for table in tables))
    found: dict[tuple[str, str, int], Totals] = {}
    for start in range(0, len(names), AT_ONCE):
        asked = [Total(BY_NAME[name].table, BY_NAME[name].amount) for name in names[start : start + AT_ONCE]]
        for row in ask(copying, statements.totals(asked, SYSTEM, region)).records():
            amount = documents.rounded(Decimal(row["amount"] or 0))
            place = (str(row["entity"]), region, int(row["division_id"] or 0))
            found[place] = Totals(int(row["rows"] or 0), amount, int(row["version"] or 0))
    return found


def _keep(copying: Copying, table: ArchiveTable, theirs: Totals) -> None:
    ours = Totals(table.rows, documents.rounded(Decimal(table.amount)), table.version)
    wrong = ours.differences(theirs)
    sentence = f"In Snowflake {', '.join(wrong)}." if wrong else ""
    now, run = clock.now(), copying.work.run
    found = ArchiveAttestation(
        run=run, table=table, at=now, rows=ours.rows, amount=plain(ours.amount), version=ours.version,
        their_rows=theirs.rows, their_amount=plain(theirs.amount), their_version=theirs.version, is_equal=not wrong,
        sentence=sentence,
    )  # fmt: skip
    table.compared_at, table.verdict, table.owes_proof = now, "different" if wrong else "equal", False
    fact = Fact(
        "archive.different" if wrong else "archive.attested", "archivetable", table.pk, str(table),
        division=table.division.code,
        detail={"table": table.entity, "run": run.pk, "rows": ours.rows, "amount": plain(ours.amount),
                "version": ours.version, **({"problem": sentence} if wrong else {})},
    )  # fmt: skip
    outcome = Outcome(
        created=[found], updates=[(table, ["compared_at", "verdict", "owes_proof"])], facts=[fact]
    )  # fmt: skip
    engine.apply(outcome, grip=copying.work.grip)


def plain(amount: Decimal) -> str:
    """Without the zeros behind: 10.5000000000 is 10.5."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
