"""A pytest plugin: checks the rows that tests claim to prove; `--accepted FILE` keeps those that were proven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import acceptance

MARK = "accepts"
PROPERTY = "accepted row"


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "run only tests that prove acceptance rows, and write the ids of the proven ones to this file"
    parser.addoption("--accepted", type=Path, metavar="FILE", help=help_text)


def pytest_configure(config: pytest.Config) -> None:
    # The workers of a parallel run report to the process that started them, which keeps the tally.
    if config.getoption("--accepted") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tally(config.getoption("--accepted")))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known = acceptance.rows()
    for item in items:
        for row in claimed(item):
            if row not in known:
                raise pytest.UsageError(f"{item.nodeid} proves {row}, which is no row of {acceptance.ROWS.name}")
            item.user_properties.append((PROPERTY, row))
    if config.getoption("--accepted"):
        idle = [item for item in items if not claimed(item)]
        items[:] = [item for item in items if claimed(item)]
        config.hook.pytest_deselected(items=idle)


def claimed(item: pytest.Item) -> list[str]:
    return [row for mark in item.iter_markers(MARK) for row in mark.args]


class Tally:
    """Rows with a test that passed, less those with one that failed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        claims = {str(value) for name, value in report.user_properties if name == PROPERTY}
        if report.failed:
            self.failed |= claims
        elif report.passed and report.when == "call":
            self.passed |= claims

    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        self.file.write_text("\n".join(sorted(self.passed - self.failed)))
