"""SHOW, DESCRIBE and the few commands about accounts. None of them needs a warehouse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from connections.sandbox.snowflake.errors import Denied, Failed, missing, unprivileged, unsupported
from connections.sandbox.snowflake.identifiers import PATH, exact, path, shown
from connections.sandbox.snowflake.information import seen
from connections.sandbox.snowflake.outcome import Outcome, done, table
from connections.sandbox.snowflake.people import ADMIN, Grant, Warehouse
from connections.sandbox.snowflake.session import Session

_NAME = rf"(?P<name>{PATH.pattern})"
_LIKE = r"(?:\s+LIKE\s+'(?P<like>(?:[^']|'')*)')?"
_IN = rf"(?:\s+IN\s+(?P<kind>ACCOUNT|DATABASE|SCHEMA|SESSION|TABLE|VIEW)?\s*(?P<within>{PATH.pattern})?)?"
Command = Callable[[Session, "re.Match[str]"], Outcome]


def command(session: Session, text: str) -> Outcome | None:
    """The outcome, or None when the statement is no such command. Raises `Failed`."""
    text = re.sub(r"\s+", " ", text).strip().rstrip(";").strip()
    for pattern, carry_out in _COMMANDS:
        match = pattern.fullmatch(text)
        if match:
            return carry_out(session, match)
    if re.match(r"(SHOW|DESC|DESCRIBE|GRANT|REVOKE|ALTER (?!TABLE)|CALL|COPY|PUT|GET|LIST|CREATE USER)\b", text, re.I):
        raise unsupported(text[:80])
    return None


def _time(moment: datetime | None) -> str:
    """A time as SHOW gives it: seconds since 1970. The form is a guess; nobody should rest on it."""
    return f"{moment.timestamp():.3f}000000" if moment else ""


def _matches(match: re.Match[str], name: str) -> bool:
    """# Reference: section 3: LIKE of SHOW ignores case, `_` and `%` are wildcards."""
    pattern = match.groupdict().get("like")
    if pattern is None:
        return True
    escaped = re.escape(pattern.replace("''", "'")).replace("%", ".*").replace("_", ".")
    return re.fullmatch(escaped, name, re.IGNORECASE | re.DOTALL) is not None


def _named(session: Session, match: re.Match[str], group: str = "name") -> tuple[str, ...]:
    return path(match[group], ignore_case=session.ignores_case)


# -- warehouses

_WAREHOUSE = (
    "name", "state", "type", "size", "min_cluster_count", "max_cluster_count", "started_clusters", "running", "queued",
    "is_default", "is_current", "is_interactive", "auto_suspend", "auto_resume", "available", "provisioning",
    "quiescing", "other", "created_on", "resumed_on", "updated_on", "owner", "comment", "resource_monitor",
)  # fmt: skip


def _warehouses(session: Session, match: re.Match[str]) -> Outcome:
    rows = []
    for house in session.account.warehouses.values():
        if session.holds("WAREHOUSE", (house.name,)) and _matches(match, house.name):
            house.settle(session.now)
            rows.append(_warehouse(session, house))
    return table(_WAREHOUSE, rows)


def _warehouse(session: Session, house: Warehouse) -> list[object]:
    is_default, is_current = house.name == session.user.default_warehouse, house.name == session.warehouse
    return [
        house.name, "SUSPENDED" if house.is_suspended else "STARTED", "STANDARD", house.size, 1, 1,
        int(not house.is_suspended), 0, 0, "Y" if is_default else "N", "Y" if is_current else "N", "N",
        house.auto_suspend, str(house.auto_resume).lower(), "", "", "", "", "", _time(house.used_at), "", ADMIN, "",
        "null",
    ]  # fmt: skip


def _alter_warehouse(session: Session, match: re.Match[str]) -> Outcome:
    name = _named(session, match)
    house = session.account.warehouses.get(name[-1])
    if house is None or not session.holds("WAREHOUSE", name):
        raise missing("Warehouse", shown(name[-1]))
    if not session.holds("WAREHOUSE", name, "MODIFY", "OPERATE"):
        raise unprivileged("warehouse", shown(name[-1]))
    verb = match["verb"].upper()
    if verb.startswith("RESUME"):
        house.wake(session.now)
    elif verb == "SUSPEND":
        house.is_suspended = True
    elif match["property"].upper() == "AUTO_RESUME":
        house.auto_resume = match["value"].upper() == "TRUE"
    else:
        house.auto_suspend = int(match["value"])
    return done("Statement executed successfully.")


# -- objects


def _databases(session: Session, match: re.Match[str]) -> Outcome:
    names = [name for name in session.account.databases if session.holds("DATABASE", (name,)) and _matches(match, name)]
    return table(("created_on", "name", "owner"), [["", name, ADMIN] for name in names])


def _schemas(session: Session, match: re.Match[str]) -> Outcome:
    database = _within(session, match, 1)[0]
    if database not in session.account.databases or not session.holds("DATABASE", (database,)):
        _absent("Database", database)
    names = [
        name
        for name in sorted(session.account.databases[database])
        if session.holds("SCHEMA", (database, name)) and _matches(match, name)
    ]
    return table(("created_on", "name", "database_name", "owner"), [["", name, database, ADMIN] for name in names])


def _absent(kind: str, name: str) -> None:
    raise missing(kind, shown(name))


def _within(session: Session, match: re.Match[str], depth: int) -> tuple[str, ...]:
    """The database, or database and schema, that IN names, or the session's."""
    if match["within"] is None:
        given: tuple[str, ...] = ()
    else:
        given = _named(session, match, "within")
    known = (session.database, session.schema)[: depth - len(given)]
    if not all(known):
        raise Failed("090105", "22000", "Cannot perform SHOW. This session does not have a current database.")
    return (*known, *given)[:depth]


def _relations(session: Session, match: re.Match[str], kind: str) -> Outcome:
    by_database = (match["kind"] or "").upper() == "DATABASE"
    within = _within(session, match, 1 if by_database else 2)
    if within[0] not in session.account.databases:
        _absent("Database", within[0])
    rows = [
        [_time(row.created_at), row.path[2], row.path[0], row.path[1], row.kind, row.owner]
        for row in seen(session, within[0])
        if row.path[: len(within)] == within and row.kind == kind and _matches(match, row.path[2])
    ]
    return table(("created_on", "name", "database_name", "schema_name", "kind", "owner"), rows)


def _describe(session: Session, match: re.Match[str]) -> Outcome:
    full = session.path(_named(session, match))
    relation = session.find(full)
    if relation is None:
        raise missing("Table", ".".join(map(shown, full)))
    rows = [
        [column.name, column.type.declared, "COLUMN", "Y" if column.nullable else "N", None, "N", "N"]
        for column in relation.columns
    ]
    return table(("name", "type", "kind", "null?", "default", "primary key", "unique key"), rows)


# -- people


def _grants(session: Session, match: re.Match[str]) -> Outcome:
    name = _named(session, match)[-1]
    role = session.account.roles.get(name)
    is_mine = any(one.name == name for held in session.user.roles for one in session.account.roles.within(held))
    if role is None or not (is_mine or session.role == ADMIN):
        raise missing("Role", shown(name))
    rows = [
        ["", grant.privilege, grant.on, ".".join(map(shown, grant.name)), "ROLE", name, "false", ADMIN]
        for grant in sorted(role.grants, key=lambda grant: (grant.on, grant.name, grant.privilege))
    ]
    rows += [["", "USAGE", "ROLE", shown(other), "ROLE", name, "false", ADMIN] for other in sorted(role.inherits)]
    names = (
        "created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by",
    )  # fmt: skip
    return table(names, rows)


def _grant(session: Session, match: re.Match[str]) -> Outcome:
    if session.role != ADMIN:
        raise unprivileged("account", shown(session.account.name))
    to = exact(match["to"])
    if to not in session.account.roles:
        raise missing("Role", shown(to))
    on, name = match["on"].upper(), _named(session, match)
    full = session.path(name) if on in ("TABLE", "VIEW") else name
    for privilege in match["privileges"].split(","):
        session.account.roles[to].grants.add(Grant(privilege.strip().upper(), on, full))
    return done("Statement executed successfully.")


def _user(session: Session, match: re.Match[str]) -> Outcome:
    name = _named(session, match)[-1]
    user = session.account.users.get(name)
    if user is None or (user is not session.user and session.role != ADMIN):
        raise missing("User", shown(name))
    prints = [key.fingerprint for key in user.keys] + [None, None]
    rows: list[list[object]] = [
        ["NAME", name, None, "Name"],
        ["DEFAULT_WAREHOUSE", user.default_warehouse or None, None, "Default warehouse for this user"],
        ["DEFAULT_ROLE", user.roles[0] if user.roles else None, None, "Primary principal of user session"],
        ["RSA_PUBLIC_KEY_FP", prints[0], None, "Fingerprint of user's RSA public key."],
        ["RSA_PUBLIC_KEY_2_FP", prints[1], None, "Fingerprint of user's second RSA public key."],
    ]
    return table(("property", "value", "default", "description"), rows)


def _parameters(session: Session, match: re.Match[str]) -> Outcome:
    ignores = str(session.ignores_case).lower()
    level = "ACCOUNT" if session.ignores_case else ""
    known = [
        ("QUOTED_IDENTIFIERS_IGNORE_CASE", ignores, "false", level, "Whether quotes keep the case of names"),
        ("STATEMENT_TIMEOUT_IN_SECONDS", "172800", "172800", "", "Timeout in seconds for statements"),
        ("AUTOCOMMIT", "true", "true", "", "Whether each statement is a transaction of its own"),
        ("TIMEZONE", "America/Los_Angeles", "America/Los_Angeles", "", "time zone"),
    ]  # fmt: skip
    rows = [row for row in known if _matches(match, row[0])]
    return table(("key", "value", "default", "level", "description"), rows)


def _use(_: Session, __: re.Match[str]) -> Outcome:
    """# Reference: 1.1. The status is a guess."""
    raise Denied(422, "391911", "The statement type is not supported by the SQL API.", reason="USE in the SQL API")


def _patterns() -> Iterator[tuple[re.Pattern[str], Command]]:
    made: list[tuple[str, Command]] = [
        (rf"SHOW WAREHOUSES{_LIKE}", _warehouses),
        (rf"SHOW (?:TERSE )?DATABASES{_LIKE}", _databases),
        (rf"SHOW (?:TERSE )?SCHEMAS{_LIKE}{_IN}", _schemas),
        (rf"SHOW (?:TERSE )?TABLES{_LIKE}{_IN}", lambda session, match: _relations(session, match, "TABLE")),
        (rf"SHOW (?:TERSE )?VIEWS{_LIKE}{_IN}", lambda session, match: _relations(session, match, "VIEW")),
        (rf"SHOW GRANTS TO ROLE {_NAME}", _grants),
        (rf"SHOW PARAMETERS{_LIKE}{_IN}", _parameters),
        (rf"DESC(?:RIBE)? (?:TABLE|VIEW) {_NAME}", _describe),
        (rf"DESC(?:RIBE)? USER {_NAME}", _user),
        (
            rf"ALTER WAREHOUSE (?:IF EXISTS )?{_NAME} (?P<verb>SUSPEND|RESUME(?: IF SUSPENDED)?|SET)"
            r"(?: (?P<property>AUTO_RESUME|AUTO_SUSPEND) ?= ?(?P<value>TRUE|FALSE|\d+))?",
            _alter_warehouse,
        ),
        (
            rf"GRANT (?P<privileges>[A-Z, ]+) ON (?P<on>DATABASE|SCHEMA|TABLE|VIEW|WAREHOUSE) {_NAME} TO (?:ROLE )?"
            rf"(?P<to>{PATH.pattern})",
            _grant,
        ),
        (r"(?:USE|BEGIN|COMMIT|ROLLBACK|START TRANSACTION|ALTER SESSION|SET|UNSET)\b.*", _use),
    ]
    for pattern, carry_out in made:
        yield re.compile(pattern, re.IGNORECASE), carry_out


_COMMANDS = tuple(_patterns())
