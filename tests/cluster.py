"""A PostgreSQL of one's own, for tests and benchmarks: made in a folder that goes with it, on a free port of loopback.

`python -m tests.cluster [arguments of pytest]` runs the suite on it, where the server's programs are installed; browser
tests, which take long and ask no more of a database, are left out unless named.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Where Debian and its like keep the programs of each version, which are not on the path.
VERSIONS = Path("/usr/lib/postgresql")
OLDEST = 15
ABSENT = f"NO POSTGRESQL {OLDEST} OR NEWER: nothing is tried on it here. Install its server (initdb, pg_ctl)."
# Nothing of it outlives the tests, so nothing needs to reach the disk.
SETTINGS = (
    "listen_addresses=127.0.0.1", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200",
)  # fmt: skip
# What a production server does: for figures.
DURABLE = ("listen_addresses=127.0.0.1", "max_connections=200")


def programs() -> Path | None:
    """The folder of the newest server that is new enough."""
    found = [path for path in VERSIONS.glob("*/bin") if path.parent.name.isdigit() and (path / "initdb").exists()]
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    fit = [(version, folder) for folder in found if (version := _version(folder)) >= OLDEST]
    return max(fit)[1] if fit else None


def _version(folder: Path) -> int:
    """Of "initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": 15."""
    said = subprocess.run([folder / "initdb", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split(")")[1].split(".")[0].split()[0])


@contextmanager
def cluster(*, settings: tuple[str, ...] = SETTINGS) -> Iterator[str]:
    """The address of an empty database on a server that ends with the block. Raises `FileNotFoundError` without one."""
    folder = programs()
    if folder is None:
        raise FileNotFoundError(ABSENT)
    user = _user()
    place = Path(tempfile.mkdtemp(prefix="tillbridge-postgresql-"))
    if user:
        shutil.chown(place, user)
    data, port = place / "data", _free_port()

    def run(program: str, *arguments: str) -> None:
        # The server keeps what it was started with: without a file of its own it would hold our pipes open.
        with (place / f"{program}.log").open("w") as log:
            command = [folder / program, *arguments]
            ended = subprocess.run(command, stdout=log, stderr=log, cwd=place, user=user, check=False)
        if ended.returncode:
            raise RuntimeError(f"{program}: {(place / f'{program}.log').read_text()[-2000:]}")

    try:
        run("initdb", "-D", str(data), "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = " ".join(
            f"-c {setting}" for setting in (*settings, f"port={port}", f"unix_socket_directories={place}")
        )
        run("pg_ctl", "-D", str(data), "-w", "-l", str(place / "server.log"), "-o", options, "start")
        try:
            yield f"postgres://tests@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _user() -> str | None:
    """The server refuses to run as root; the package's own user is there for it."""
    if os.geteuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(arguments: list[str]) -> int:
    if programs() is None:
        print(f"\n{'!' * len(ABSENT)}\n{ABSENT}\n{'!' * len(ABSENT)}\n", file=sys.stderr)
        return 0
    names = [argument for argument in arguments if not argument.startswith("-")]
    left_out = [] if any(Path(name.split("::")[0]).exists() for name in names) else ["--ignore", "tests/browser"]
    with cluster() as address:
        environment = {**os.environ, "DATABASE_URL": address}
        return subprocess.call([sys.executable, "-m", "pytest", *left_out, *arguments], env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
