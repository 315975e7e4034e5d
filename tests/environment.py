"""The environment of the tests: loaded by pytest before Django reads its settings.

Also runs a command in it: `python -m tests.environment [--production] manage.py check`.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SHARED = "TILLBRIDGE_TESTS_DATA"  # set for the processes that one test run starts


def _data_folder() -> Path:
    """One folder per test run, so that two runs at once do not share a database; gone when the run ends."""
    if SHARED in os.environ:
        return Path(os.environ[SHARED])
    folder = Path(tempfile.mkdtemp(prefix="tillbridge-tests-"))
    (folder / "static").mkdir()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[SHARED] = str(folder)
    return folder


DATA = _data_folder()
TESTS = {
    "TILLBRIDGE_MODE": "demo",
    "SECRET_KEY": "tests-only-signing-key-that-is-long-enough-for-the-deployment-check-0123456789",
    "SALT_KEY": "tests-only-salt-0123456789abcdef",
    "PUBLIC_URL": "http://testserver",
    "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "TILLBRIDGE_DATA": str(DATA),
    "TILLBRIDGE_CLOCK": "",
}
PRODUCTION = {
    **TESTS,
    "TILLBRIDGE_MODE": "production",
    "PUBLIC_URL": "https://tillbridge.example",
    "ALLOWED_HOSTS": "tillbridge.example",
}


def main(arguments: list[str]) -> int:
    production = arguments[:1] == ["--production"]
    chosen = PRODUCTION if production else TESTS
    return subprocess.call([sys.executable, *arguments[production:]], env={**os.environ, **chosen})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
else:
    # Python looks for garbage every 700 objects, which took a fifth of the time and found next to nothing.
    gc.set_threshold(50_000, 20, 10)
    os.environ.update({name: value for name, value in TESTS.items() if name != "DATABASE_URL"})
