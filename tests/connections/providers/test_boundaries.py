from __future__ import annotations

import subprocess
import sys

MODULES = (
    "connections.providers.http",
    "connections.providers.square.client",
    "connections.providers.square.oauth",
    "connections.providers.square.payloads",
    "connections.providers.exact.documents",
    "connections.providers.exact.oauth",
    "connections.providers.exact.regions",
    "connections.providers.snowflake.client",
    "connections.providers.snowflake.keypair",
)


def test_the_providers_work_where_django_is_not_even_imported() -> None:
    program = f"import sys, {', '.join(MODULES)}; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
