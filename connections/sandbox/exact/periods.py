"""Financial years of twelve calendar months, and which journals are closed in which of them."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from uuid import UUID

from connections.sandbox.exact.errors import Rule
from connections.sandbox.exact.store import Row, Table

OPEN, CLOSED = 0, 1


class Periods:
    def __init__(self, first_year: int, last_year: int) -> None:
        self.years = range(first_year, last_year + 1)
        self.statuses = Table("Journal", "Period", "Year")

    def rows(self, *, division: int, made: datetime) -> list[Row]:
        """Of `financial/FinancialPeriods`."""
        return [
            {
                "ID": str(UUID(int=(division << 32) + year * 100 + month)),
                "Created": made,
                "Modified": made,
                "Division": division,
                "FinYear": year,
                "FinPeriod": month,
                "StartDate": datetime(year, month, 1),  # noqa: DTZ001 - wall clock
                "EndDate": datetime(year, month, monthrange(year, month)[1]),  # noqa: DTZ001
            }
            for year in self.years
            for month in range(1, 13)
        ]

    def add_journal(self, code: str, description: str, kind: int, kind_name: str) -> None:
        for year in self.years:
            for month in range(1, 13):
                self.statuses.insert(
                    {
                        "Journal": code,
                        "Period": month,
                        "Year": year,
                        "JournalDescription": description,
                        "JournalType": kind,
                        "JournalTypeDescription": kind_name,
                        "Status": OPEN,
                        "StatusDescription": "Open",
                    }
                )

    def set_status(self, year: int, period: int, journal: str | None, status: int) -> None:
        """For one journal, or for all. Raises `LookupError` when there is no such period."""
        hit = [
            row
            for row in self.statuses
            if (row["Year"], row["Period"]) == (year, period) and journal in (None, row["Journal"])
        ]
        if not hit:
            raise LookupError(f"There is no period {year}-{period:02} of journal {journal or '(any)'}.")
        for row in hit:
            said = "Closed" if status == CLOSED else "Open"
            self.statuses.change(self.statuses.key_of(row), Status=status, StatusDescription=said)

    def of(self, day: datetime, *, year: int | None = None, period: int | None = None) -> tuple[int, int]:
        """The (year, period) an entry falls in: as given, else of its date. Raises `Rule`."""
        found = (year or day.year, period or day.month)
        if found[0] not in self.years or not 1 <= found[1] <= 12:  # noqa: PLR2004
            raise Rule("no_year")
        return found

    def must_be_open(self, journal: str, year: int, period: int) -> None:
        status = self.statuses.get((journal, period, year))
        if status is not None and status["Status"] == CLOSED:
            # Reference: section 6, `Periode is afgesloten: [Jaar] - [Maand]`.
            raise Rule("closed", "Period", f"{year} - {period:02}")
