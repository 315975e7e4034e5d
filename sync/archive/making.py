"""Tables and views at Snowflake: made with the first run, and again when the catalogue makes them otherwise."""

from __future__ import annotations

import uuid
from datetime import timedelta
from hashlib import sha256

from audit.trail import Fact
from connections import clock
from connections.providers.errors import NoAnswer, Refused
from connections.providers.snowflake import statements
from connections.providers.snowflake.answers import Result, Running
from connections.providers.snowflake.statements import Statement, Table
from sync import engine
from sync.archive import reports
from sync.archive.catalogue import ENTITIES, Entity
from sync.archive.work import Copying
from sync.engine import Outcome

PATIENCE = timedelta(seconds=90)
# Seconds of the clock between two looks at a statement that takes its time.
FIRST_LOOK, LONGEST_PAUSE = 0.5, 10.0


def missing(copying: Copying) -> list[Entity]:
    return [entity for entity in ENTITIES if copying.policy.made.get(entity.name) != digest_of(entity.table)]


def make_all(copying: Copying) -> None:
    """A table that is there already is looked at: `CREATE ... IF NOT EXISTS` is content with any shape."""
    anew = missing(copying)
    for entity in anew:
        _make(copying, entity.table)
        _keep(copying, entity.name, digest_of(entity.table))
        copying.work.breathe()
    if copying.policy.made.get(reports.NAME) != reports.digest():
        for statement in reports.views():
            ask(copying, statement)
        _keep(copying, reports.NAME, reports.digest())


def digest_of(table: Table) -> str:
    """Of everything that makes the table and its views."""
    made = (statements.create(table), *statements.views(table))
    return sha256("\n".join(statement.text for statement in made).encode()).hexdigest()


def ask(copying: Copying, statement: Statement) -> Result:
    """What may be done twice without harm, and is not kept: it has an id of its own each time. The lane stays ours
    while it is waited for. Raises `NoAnswer` when it takes too long.
    """
    engine.apply(Outcome(), grip=copying.work.grip)  # several slow ones in a row would outlive the lease
    client, pause = copying.snowflake, FIRST_LOOK
    give_up = clock.now() + PATIENCE
    found = client.submit(statement, request_id=str(uuid.uuid4()), tag=f"tillbridge run {copying.work.run.pk}")
    while isinstance(found, Running):
        if clock.now() >= give_up:
            raise NoAnswer(f"Snowflake is still at work on {statement.operation} after {PATIENCE.seconds} seconds.")
        engine.apply(Outcome(), grip=copying.work.grip)
        clock.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        found = client.status(found.handle)
    return found


def _make(copying: Copying, table: Table) -> None:
    ask(copying, statements.create(table))
    described = ask(copying, statements.describe(table)).records()
    if wrong := statements.differences(table, described):
        raise Refused(
            f'The table "{table.name}" in {copying.policy.target} has another shape than the archive writes: '
            f"{', '.join(wrong)}. Rename it there; the next run makes a new one. Nothing of it was changed."
        )
    for view in statements.views(table):
        ask(copying, view)


def _keep(copying: Copying, name: str, digest: str) -> None:
    policy, lane = copying.policy, copying.work.lane
    fact = Fact(
        "archivetable.made" if name not in policy.made else "archivetable.remade", "lane", lane.pk, str(lane),
        division=lane.division.code, detail={"table": name, "target": str(policy.target)},
    )  # fmt: skip
    policy.made = {**policy.made, name: digest}
    engine.apply(Outcome(updates=[(policy, ["made"])], facts=[fact]), grip=copying.work.grip)
