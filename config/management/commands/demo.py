"""`manage.py demo`: a month of a shop, booked for real against stand-ins of Square and Exact Online."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo import archive, stage
from config.demo import report as reports
from config.demo import shop as shops
from config.demo.report import Held, Report
from config.demo.shop import Shop
from connections import clock
from connections.sandbox.app import Sandbox
from connections.sandbox.generator import generate
from mappings.roles import words_of
from sync import actions
from sync.models import SyncRun

DAYS = 30
# Of a hundred payments, so many come back in part or whole; and so many invoices are sent beside them.
SHARE = 0.05
# A day is summed up six hours after it ended: with this distance every generated day is closed.
SETTLED = timedelta(hours=30)
PATIENCE = 600.0
ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")


class Command(BaseCommand):
    help = "Run Tillbridge against local stand-ins of Square and Exact Online; nothing real is touched."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="book, compare, and end without serving pages")
        parser.add_argument("--payments", type=int, default=500, help="how many payments the shop took (default: 500)")
        parser.add_argument("--seed", type=int, default=1, help="another number is another month (default: 1)")
        parser.add_argument("--report", type=Path, help="write the comparison to this file, as JSON")

    def handle(self, **options: Any) -> None:
        if options["payments"] < 1:
            raise CommandError("--payments must be 1 or more.")
        _end_in_order()
        try:
            with ExitStack() as stack:
                self._play(stack, **options)
        except KeyboardInterrupt:
            self.stdout.write("\nEnded. The demo's data is gone.")
        finally:
            shutil.rmtree(settings.DATA_DIR, ignore_errors=True)

    def _play(self, stack: ExitStack, *, once: bool, payments: int, seed: int, report: Path | None, **_: Any) -> None:
        began = time.monotonic()
        self._say("Setting up a fresh data folder and a sandbox of Square and Exact Online")
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        sandbox, _server = stack.enter_context(stage.sandbox_on(int(os.environ["DEMO_SANDBOX_PORT"]), seed=seed))
        shop = self._open_shop(sandbox, payments=payments, seed=seed)
        stack.enter_context(stage.worker())
        run = self._book(shop)
        calls = {system: sandbox.log.count(system) for system in ("exact", "square")}
        found = self._compare(shop, sandbox)
        self._write(found, report, exact_calls=calls["exact"], square_calls=calls["square"])
        self._say(f"{calls['exact']} calls to Exact, {calls['square']} to Square; {time.monotonic() - began:.0f} s.")
        if run.state != "done" or not found.is_clean:
            raise CommandError(f"The books do not tie, or the run did not end well: {run.state}. {run.sentence}")
        self._keep_customers(shop, sandbox)
        self._archive(shop, sandbox)
        if not once:
            self._serve(stack)

    def _open_shop(self, sandbox: Sandbox, *, payments: int, seed: int) -> Shop:
        customers = shops.found(sandbox)
        end = clock.now() - SETTLED
        month = generate(
            sandbox.square, seed=seed, payments=payments, days=DAYS, end=end, customers=customers, refunds=SHARE,
            invoices=SHARE, payouts=True,
        )  # fmt: skip
        made = f"{month.payments} payments, {len(month.refunds)} refunds, {len(month.invoices)} invoices"
        places = f"over {len(month.days)} days at {len(month.locations)} locations"
        self._say(f"{made} and {len(month.payouts)} payouts {places}")
        return shops.furnish(sandbox, go_live=month.days[0], customers=customers)

    def _keep_customers(self, shop: Shop, sandbox: Sandbox) -> None:
        """A lane beside the one that books; then people edit customers on both sides, two of them the same field."""
        lane = shops.keep_customers(shop)
        self._watch(actions.run_now(lane, by="demo"))
        shops.edit_customers(sandbox)
        run = self._watch(actions.run_now(lane, by="demo"))
        self._say(f"Customers kept in step: {run.sentence}")

    def _archive(self, shop: Shop, sandbox: Sandbox) -> None:
        """The division into a stand-in of Snowflake, once; the lane then waits for its week."""
        try:
            target = archive.connect(sandbox, "Archive (Snowflake)")
        except RuntimeError as absent:
            self._say(f"Nothing is archived: {absent}")
            return
        self._watch(actions.run_now(archive.open_lane(shop, target), by="demo"))
        account = sandbox.snowflake.account(target.account_identifier)
        for table, rows, amount in archive.figures(account):
            self.stdout.write(f"{table:<28}{rows:>9} {'row ' if rows == 1 else 'rows'}{amount:>18}".rstrip())
        told = archive.verdict()
        self._say(f"{sandbox.log.count('snowflake')} calls to Snowflake. {told.sentence}")
        if not told.is_equal:
            raise CommandError("The archive differs from what was written to it.")

    def _book(self, shop: Shop) -> SyncRun:
        """Press the button a bookkeeper would press, and watch the workers."""
        return self._watch(actions.run_now(shop.lane, by="demo"))

    def _watch(self, run: SyncRun) -> SyncRun:
        give_up = time.monotonic() + PATIENCE
        shown = ""
        while run.is_open:
            if time.monotonic() > give_up:
                raise CommandError(f"The run did not end within {PATIENCE:.0f} s; it is {run.state}. {run.sentence}")
            time.sleep(0.5)
            run.refresh_from_db()
            did = f"{run.entries_posted} of {run.entries_planned} entries booked"
            if run.lane.archives:
                did = f"{run.rows_written} of {run.records_changed} rows written"
            text = f"{run.phase}: {run.records_read} read, {did}"
            if text != shown:
                self._say(f"  {text}")
                shown = text
        self._say(f"  {run.sentence}")
        return run

    def _compare(self, shop: Shop, sandbox: Sandbox) -> Report:
        """Straight from what the stand-ins hold, past every client of ours."""
        lines = sandbox.exact.site(shops.REGION).division(shops.DIVISION).lines()
        return reports.compare(shop.lane, Held.of(sandbox.square), lines)

    def _write(self, found: Report, path: Path | None, *, exact_calls: int, square_calls: int) -> None:
        names = ("square", "waiting", "postings", "exact", "difference")
        self.stdout.write("\n" + f"{'EUR, debit +':<18}" + "".join(f"{name:>13}" for name in names))
        for row in found.rows:
            figures = "".join(f"{reports.money(getattr(row, name)):>13}" for name in names)
            self.stdout.write(f"{words_of(row.role):<18}{figures}")
        held = ", ".join(f"{count} {kind}" for kind, count in found.records.items())
        self.stdout.write(f"\n{held}: {found.waiting} wait, {found.doubled} entries doubled.")
        if path:
            data = found.as_json(exact_calls=exact_calls, square_calls=square_calls)
            path.write_text(json.dumps(data, indent=2) + "\n")

    def _serve(self, stack: ExitStack) -> None:
        password = secrets.token_urlsafe(9)
        get_user_model().objects.create_superuser("admin", password=password)
        port = int(os.environ["DEMO_WEB_PORT"])
        server = stack.enter_context(stage.web(port))
        self._say(f"\nOpen {settings.PUBLIC_URL}/admin/  and sign in as  admin  with  {password}")
        self._say("A few records wait on purpose: resolve one and it goes on by itself. Ctrl-C ends everything.")
        if server.wait() != 0:
            raise CommandError(f"The web server ended: {(settings.DATA_DIR / 'web.log').read_text()[-500:]}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _end_in_order() -> None:
    """As with Ctrl-C also by `kill`, a closed terminal, or in the background, where a shell has Ctrl-C ignored: the
    children have groups of their own and would live on.
    """
    for name in ENDINGS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
