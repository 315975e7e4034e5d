"""What is missing at Snowflake, if anything: host, key, role, warehouse, database, privilege; each with the command
that gives it. No question wakes the warehouse up.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from http import HTTPStatus

from connections import clients, endpoints, keys
from connections.models import Connection
from connections.providers.errors import NotAuthorised, Refused
from connections.providers.snowflake import refusals, statements
from connections.providers.snowflake.client import SnowflakeClient
from connections.providers.snowflake.keypair import fingerprint
from connections.providers.snowflake.statements import Statement, quoted
from connections.verdicts import Kind, Verdict

NEEDED = ("CREATE TABLE", "CREATE VIEW")
# Roles that hold one another; beyond so many the question is given up.
MOST_ROLES = 12
KINDS = {
    refusals.Kind.ROLE: Kind.MISSING_ROLE,
    refusals.Kind.WAREHOUSE: Kind.MISSING_WAREHOUSE,
    refusals.Kind.OBJECT: Kind.MISSING_PLACE,
    refusals.Kind.PRIVILEGE: Kind.MISSING_PRIVILEGE,
}
TRUE = {"true", "y", "yes", "on"}
Record = dict[str, str | None]


class _Missing(Exception):
    """One thing is not there: the verdict says which."""

    def __init__(self, kind: Kind, sentence: str) -> None:
        super().__init__(sentence)
        self.verdict = Verdict(kind, sentence)


def examine(row: Connection, *, wait_at_most: float) -> Verdict:
    """Ask Snowflake, and remember a test that passed. Raises those errors of `providers.errors` that it cannot name."""
    try:
        source = keys.PresentKeys(row)
        client = clients.testing_snowflake_client(row, source, wait_at_most=wait_at_most)
        seen = _context(row, client)
        warnings = tuple(_warehouse(row, client, is_usable=seen["WAREHOUSE"] == row.warehouse))
        _privileges(row, client)
        _quoting(row, client)
    except _Missing as missing:
        return missing.verdict
    except keys.KeyUnusable as wrong:
        return Verdict(Kind.WRONG_KEY, wrong.sentence)
    except NotAuthorised as refusal:
        if refusal.status != HTTPStatus.UNAUTHORIZED:
            raise
        return Verdict(Kind.WRONG_KEY, f"{refusal.sentence} {_comparison(row)}")
    except Refused as refusal:
        return _refused(row, refusal)
    if source.needs_the_second:
        said = "Snowflake takes the second key only: press 'Swap the keys', or each run begins with a refusal."
        warnings = (*warnings, said)
    who = f"{row.user_name} as {row.role}"
    keys.prove(row, who=who, warnings=warnings)
    place = f"{row.database}.{row.schema}, warehouse {row.warehouse}"
    return Verdict(Kind.LIVE, f"{endpoints.site_name(row)} answers as {who}; it writes to {place}.", warnings)


def look_at_warehouse(row: Connection, client: SnowflakeClient) -> None:
    """Before a load: whether the warehouse resumes by itself. The warning stands on the connection until it does.

    Raises `Refused` where it is asleep for good, and the errors of `providers.errors`.
    """
    try:
        warnings = tuple(_warehouse(row, client, is_usable=True))
    except _Missing as missing:
        raise Refused(missing.verdict.sentence) from None
    keys.warn(row, " ".join(warnings), instead_of=_sleeps(row))


def _comparison(row: Connection) -> str:
    return (
        f"DESC USER {quoted(row.user_name)} must show RSA_PUBLIC_KEY_FP as {fingerprint(row.public_key)}; if it does "
        "not, run the command on this page."
    )


def _refused(row: Connection, refusal: Refused) -> Verdict:
    if refusal.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        said = f"{refusal.sentence} Check the account identifier {row.account_identifier}."
        return Verdict(Kind.NO_ACCOUNT, said)
    kind = KINDS.get(refusals.kind(refusal.code, refusal.field), Kind.UNCLEAR)
    if kind == Kind.MISSING_ROLE:
        return Verdict(kind, _no_role(row))
    return Verdict(kind, refusal.sentence)


def _records(client: SnowflakeClient, statement: Statement) -> list[Record]:
    return client.execute(statement, request_id=str(uuid.uuid4()), patience=10).records()


# -- role and place


def _context(row: Connection, client: SnowflakeClient) -> Record:
    """What the session really gets: what does not exist, or may not be used, is silently left empty."""
    seen = _records(client, statements.context())[0]
    if seen["ROLE"] != row.role:
        raise _Missing(Kind.MISSING_ROLE, _no_role(row))
    role = quoted(row.role)
    if seen["DATABASE"] != row.database:
        raise _Missing(
            Kind.MISSING_PLACE,
            f"Role {row.role} sees no database {row.database}. Check its spelling, or run: "
            f"GRANT USAGE ON DATABASE {quoted(row.database)} TO ROLE {role};",
        )
    if seen["SCHEMA"] != row.schema:
        raise _Missing(
            Kind.MISSING_PLACE,
            f"Role {row.role} sees no schema {row.schema} in {row.database}. Check its spelling, or run: "
            f"GRANT USAGE ON SCHEMA {_schema(row)} TO ROLE {role};",
        )
    return seen


def _no_role(row: Connection) -> str:
    return (
        f"User {row.user_name} does not have the role {row.role}. Check its spelling, or run: "
        f"GRANT ROLE {quoted(row.role)} TO USER {quoted(row.user_name)};"
    )


def _schema(row: Connection) -> str:
    return f"{quoted(row.database)}.{quoted(row.schema)}"


# -- warehouse


def _warehouse(row: Connection, client: SnowflakeClient, *, is_usable: bool) -> Iterator[str]:
    """Warnings. A warehouse that sleeps and stays asleep would refuse every batch.

    LIKE finds similar names too, hence the comparison; columns are read by name, since new ones are put between.
    """
    found = [one for one in _records(client, statements.show_warehouses(row.warehouse)) if one["name"] == row.warehouse]
    house = quoted(row.warehouse)
    if not found or not is_usable:
        raise _Missing(
            Kind.MISSING_WAREHOUSE,
            f"Role {row.role} may not use a warehouse {row.warehouse}, or there is none. Check its spelling, or run: "
            f"GRANT USAGE ON WAREHOUSE {house} TO ROLE {quoted(row.role)};",
        )
    if str(found[0].get("auto_resume")).lower() in TRUE:
        return
    if str(found[0].get("state")).upper() == "SUSPENDED":
        raise _Missing(
            Kind.MISSING_WAREHOUSE,
            f"Warehouse {row.warehouse} is suspended and does not resume by itself (AUTO_RESUME is off). Run: "
            f"{_resume(row)}",
        )
    yield _sleeps(row)


def _sleeps(row: Connection) -> str:
    return (
        f"Warehouse {row.warehouse} does not resume by itself (AUTO_RESUME is off): once it is suspended, every load "
        f"fails. Run: {_resume(row)}"
    )


def _resume(row: Connection) -> str:
    return f"ALTER WAREHOUSE {quoted(row.warehouse)} SET AUTO_RESUME = TRUE;"


# -- privileges


def _privileges(row: Connection, client: SnowflakeClient) -> None:
    held = set(_held(row, client))
    if "OWNERSHIP" in held:
        return
    missing = [privilege for privilege in NEEDED if privilege not in held]
    if missing:
        raise _Missing(
            Kind.MISSING_PRIVILEGE,
            f"Role {row.role} lacks {' and '.join(missing)} on schema {row.database}.{row.schema}. Run: "
            f"GRANT {', '.join(missing)} ON SCHEMA {_schema(row)} TO ROLE {quoted(row.role)};",
        )


def _held(row: Connection, client: SnowflakeClient) -> Iterator[str]:
    """Privileges on the schema, of the role and of the roles it holds."""
    waiting, seen = [row.role], set[str]()
    place = f"{row.database}.{row.schema}"
    while waiting and len(seen) < MOST_ROLES:
        role = waiting.pop()
        if role in seen:
            continue
        seen.add(role)
        for grant in _records(client, statements.show_grants(role)):
            name = str(grant["name"]).replace('"', "")
            if grant["granted_on"] == "ROLE" and grant["privilege"] == "USAGE":
                waiting.append(name)
            elif grant["granted_on"] == "SCHEMA" and name == place:
                yield str(grant["privilege"])


# -- names


def _quoting(row: Connection, client: SnowflakeClient) -> None:
    found = _records(client, statements.show_quoting())
    if any(str(parameter["value"]).lower() in TRUE for parameter in found):
        raise _Missing(
            Kind.WRONG_QUOTING,
            'This account takes "purchase_invoices" for PURCHASE_INVOICES (QUOTED_IDENTIFIERS_IGNORE_CASE is on), so '
            "that the archive's tables and their aliases would be one. Run: "
            f"ALTER USER {quoted(row.user_name)} SET QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE;",
        )
