"""`manage.py sandbox`: the local stand-ins of Square, Exact Online and Snowflake, until Ctrl-C."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connections.endpoints import redirect_address
from connections.sandbox import archive
from connections.sandbox.app import Sandbox
from connections.sandbox.exact.site import ZONES
from connections.sandbox.generator import generate
from connections.sandbox.server import SandboxServer, serve
from connections.sandbox.shop import CLIENT_ID, CLIENT_SECRET, open_shop

DEFAULT_PORT = 9400


class Command(BaseCommand):
    help = "Run local stand-ins of Square, Exact Online and Snowflake, with a shop that has taken payments."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--payments", type=int, default=200, help="how many the shop has taken (default: 200)")
        parser.add_argument("--days", type=int, default=30, help="over how many days, up to today (default: 30)")
        parser.add_argument("--region", choices=sorted(ZONES), default="nl", help="the Exact site of the shop")

    def handle(self, **options: Any) -> None:
        sandbox = Sandbox(seed=options["seed"])
        self._open(sandbox, options["region"], options["payments"], options["days"])
        server = self._serve(sandbox, options["host"], options["port"])
        self._say(server, options["region"])
        try:
            server.wait()
        except KeyboardInterrupt:
            server.stop()
            self.stdout.write("Sandbox stopped. What it held is gone.")

    def _open(self, sandbox: Sandbox, region: str, payments: int, days: int) -> None:
        if payments < 0 or days < 1:
            raise CommandError("--payments must be 0 or more and --days 1 or more.")
        division = open_shop(
            sandbox, region=region, square_redirect=redirect_address("square"), exact_redirect=redirect_address("exact")
        )
        if payments:
            generate(sandbox.square, seed=sandbox.seed, payments=payments, days=days, end=sandbox.clock.now())
        self.stdout.write(f"Exact division {division.code} {division.name}; {payments} payments over {days} days.")

    @staticmethod
    def _serve(sandbox: Sandbox, host: str, port: int) -> SandboxServer:
        try:
            return serve(sandbox, host, port)
        except (OSError, OverflowError) as problem:
            said = f"The sandbox cannot listen on {host}:{port} ({getattr(problem, 'strerror', None) or problem})."
            raise CommandError(f"{said} Is one running already? Choose another with --port, or 0 for any.") from None

    def _say(self, server: SandboxServer, region: str) -> None:
        self.stdout.write(f"Square          {server.square_url}")
        self.stdout.write(f"Exact Online    {server.exact_url.format(region=region)}")
        self._say_archive(server)
        self.stdout.write(f"Control         {server.base_url}/_sandbox/state")
        self.stdout.write(f"App of both     client id {CLIENT_ID}, secret {CLIENT_SECRET}")
        self.stdout.write("Ctrl-C ends it.")
        self.stdout.flush()

    def _say_archive(self, server: SandboxServer) -> None:
        """Its user has no key yet: `POST /_sandbox/snowflake/add_user` registers one."""
        try:
            account = archive.open_archive(server.sandbox)
        except RuntimeError as absent:
            self.stdout.write(f"Snowflake       {absent}")
            return
        self.stdout.write(
            f"Snowflake       {server.snowflake_url.format(account=account.name.lower())}, user {archive.USER}, role "
            f"{archive.ROLE}, warehouse {archive.WAREHOUSE}, {archive.DATABASE}.{archive.SCHEMA}"
        )
