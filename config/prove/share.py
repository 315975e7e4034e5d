"""A process that plays its share of the schedules, one after the other, and prints a line of JSON for each.

Started by `manage.py prove`, with an environment of its own (`config.prove.setting`).
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.prove.timing import SharedClock


def main(arguments: list[str]) -> None:
    import django

    django.setup()
    from django.conf import settings

    from config.prove import schedule

    # Ended from outside, it still ends the workers that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seeds, payments = json.loads(arguments[0]), int(arguments[1])
    frame, time = template(Path(settings.DATA_DIR)), shared_time()
    for seed in seeds:
        verdict = schedule.run(seed, payments=payments, template=frame, time=time)
        print(json.dumps(verdict.as_json()), flush=True)


def template(folder: Path) -> Path:
    """A migrated database, made once."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("createcachetable")
    connection.close()
    frame = folder / "template.sqlite3"
    Path(connection.settings_dict["NAME"]).rename(frame)
    return frame


def shared_time() -> SharedClock:
    from config.prove.crew import forks
    from config.prove.timing import SharedClock
    from connections import clock

    return SharedClock(clock.current(), forks.Value("d", 0.0, lock=False))


if __name__ == "__main__":
    main(sys.argv[1:])
