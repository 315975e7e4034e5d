"""From Snowflake's SQL to the engine's (DuckDB): parsed by sqlglot, names made exact, privileges asked, and what
Snowflake refuses refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from connections.sandbox.snowflake.documents import checked
from connections.sandbox.snowflake.errors import Failed, missing, syntax, unsupported
from connections.sandbox.snowflake.identifiers import inner
from connections.sandbox.snowflake.session import INFORMATION_SCHEMA, Session

# Rows in one VALUES clause. Reference: 1.6.
LARGEST_VALUES = 16_384
LABEL = 200
_FLATTENED, _TEXT = "FLATTENED", "VARIANT_TEXT"
_TIMESTAMPS = {"TO_TIMESTAMP_TZ": "TIMESTAMPTZ", "TO_TIMESTAMP_LTZ": "TIMESTAMPTZ", "TO_TIMESTAMP_NTZ": "TIMESTAMP"}
_SEMI_STRUCTURED = {"VARIANT", "OBJECT", "ARRAY"}
Node = Any

# It would say that it takes a statement as it is, which is ours to refuse.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


@dataclass
class Parsed:
    """`:b1`, `:b2` ... stand where the `?` stood, so that their order outlives every rewriting."""

    tree: Node
    bindings: int


def parse(text: str) -> Parsed:
    """One statement. Raises `Failed`."""
    try:
        named, count = _named(text)
        trees = [tree for tree in sqlglot.parse(named, dialect="snowflake") if tree is not None]
    except (ParseError, TokenError) as wrong:
        raise syntax(_where(wrong)) from None
    except RecursionError:
        raise syntax("statement nested too deeply.") from None
    if len(trees) != 1:
        said = f"Actual statement count {len(trees)} did not match the desired statement count 1."
        raise Failed("000008", "0A000", said)
    return Parsed(trees[0], count)


def _named(text: str) -> tuple[str, int]:
    places = [token.start for token in sqlglot.tokenize(text, dialect="snowflake") if token.text.startswith("?")]
    parts, end = [], 0
    for number, place in enumerate(places, 1):
        parts += [text[end:place], f":b{number}"]
        end = place + 1
    return "".join([*parts, text[end:]]), len(places)


def _where(wrong: ParseError | TokenError) -> str:
    first = wrong.errors[0] if isinstance(wrong, ParseError) and wrong.errors else {}
    return (
        f"syntax error line {first.get('line') or 1} at position {first.get('col') or 0} unexpected "
        f"'{first.get('highlight') or '<EOF>'}'."
    )


@dataclass
class Translation:
    """One query or change made ready. `documents` are the bindings that PARSE_JSON reads."""

    session: Session
    tree: Node
    privilege: str = "SELECT"
    documents: set[str] = field(default_factory=set)
    needs_warehouse: bool = False
    _variants: set[str] = field(default_factory=lambda: {"VALUE", "THIS"})

    def sql(self) -> str:
        """Raises `Failed`."""
        self._exact_names()
        self._label()
        self._refuse_large_values()
        self._tables()
        self._flatten()
        self._functions()
        self._casts()
        for name in list(self.tree.find_all(exp.Identifier)):
            name.set("this", _within(str(name.this)))
        try:
            made = str(self.tree.sql("duckdb"))
            return f"SELECT * FROM ({made})" if isinstance(self.tree, exp.Values) else made  # noqa: S608
        except ValueError as wrong:
            raise unsupported(str(wrong)) from None

    # -- names

    def _exact_names(self) -> None:
        for name in self.tree.find_all(exp.Identifier):
            if not name.quoted or self.session.ignores_case:
                name.set("this", str(name.this).upper())
            name.set("quoted", True)

    def _label(self) -> None:
        """A computed column is called by its text."""
        select = self.tree.find(exp.Select) if isinstance(self.tree, exp.Query) else None
        for column in list(select.expressions) if select is not None and select.parent is None else []:
            if not isinstance(column, exp.Alias | exp.Column | exp.Star):
                text = column.sql("snowflake").upper().replace("~", "-")[:LABEL]
                column.replace(exp.alias_(column.copy(), exp.to_identifier(text, quoted=True)))

    def _tables(self) -> None:
        shared = {str(cte.alias) for cte in self.tree.find_all(exp.CTE)}
        for table in list(self.tree.find_all(exp.Table)):
            if not isinstance(table.this, exp.Identifier):
                raise unsupported(f"reading from {table.sql('snowflake')[:60]}")
            if table.args.get("when") or table.args.get("changes"):
                raise unsupported("time travel")
            self.needs_warehouse = True
            parts = [str(table.args[part].this) for part in ("catalog", "db", "this") if table.args.get(part)]
            if parts != [name for name in parts if name in shared]:
                self._table(table, parts)

    def _table(self, table: Node, parts: list[str]) -> None:
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(parts[-1], quoted=True)))
        database, schema, name = self.session.path(parts)
        if schema == INFORMATION_SCHEMA:
            self.session.require_schema(database, schema)
            if not self.session.account.engine.show_schema(self.session, database, name):
                raise missing("Object", ".".join(parts))
        else:
            relation = self.session.relation((database, schema, name), self._wanted(table))
            self._variants |= {column.name for column in relation.columns if column.type.kind == "VARIANT"}
        table.set("catalog", None)
        table.set("db", exp.to_identifier(f"{database}.{schema}", quoted=True))

    def _wanted(self, table: Node) -> str:
        return self.privilege if table.parent is self.tree and table.arg_key == "this" else "SELECT"

    # -- shapes

    def _refuse_large_values(self) -> None:
        for values in list(self.tree.find_all(exp.Values)):
            rows = values.expressions
            if len(rows) > LARGEST_VALUES:
                said = f"maximum number of expressions in a list exceeded, expected at most {LARGEST_VALUES:,}, "
                raise Failed("001795", "42601", f"SQL compilation error:\n{said}got {len(rows):,}")
            if any(row.find(exp.ParseJSON, exp.Subquery) for row in rows):
                said = f"Invalid expression [{rows[0].sql('snowflake')[:80]}] in VALUES clause"
                raise Failed("002014", "22000", f"SQL compilation error:\n{said}")
            if values is not self.tree:
                self._name_columns(values, len(rows[0].expressions) if rows else 0)

    @staticmethod
    def _name_columns(values: Node, width: int) -> None:
        alias = values.args.get("alias") or exp.TableAlias(this=exp.to_identifier("VALUES", quoted=True))
        if not alias.args.get("columns"):
            names = [exp.to_identifier(f"COLUMN{place}", quoted=True) for place in range(1, width + 1)]
            alias.set("columns", names)
        values.set("alias", alias)

    def _flatten(self) -> None:
        for source in [*self.tree.find_all(exp.TableFromRows), *self.tree.find_all(exp.Lateral)]:
            exploded = source.this
            if not isinstance(exploded, exp.Explode) or exploded.expressions:
                raise unsupported(source.sql("snowflake")[:60])
            given = exploded.this
            if isinstance(given, exp.Kwarg):
                if str(given.this.name).upper() != "INPUT":
                    raise unsupported(f"FLATTEN with {given.this.name}")
                given = given.expression
            called = exp.Anonymous(this=_FLATTENED, expressions=[given.copy()])
            name = exp.to_identifier(source.alias or "FLATTEN", quoted=True)
            source.replace(exp.Table(this=called, alias=exp.TableAlias(this=name)))
            self.needs_warehouse = True

    # -- values

    def _functions(self) -> None:
        for node in list(self.tree.find_all(exp.ParseJSON)):
            if isinstance(node.this, exp.Placeholder):
                self.documents.add(str(node.this.this))
            elif isinstance(node.this, exp.Literal) and not node.args.get("safe"):
                node.this.set("this", checked(str(node.this.this)))
            kind = exp.TryCast if node.args.get("safe") else exp.Cast
            node.replace(kind(this=node.this.copy(), to=exp.DataType.build("JSON", dialect="duckdb")))
        for node in list(self.tree.find_all(exp.Func)):
            name = (str(node.this) if isinstance(node, exp.Anonymous) else node.sql_name()).upper()
            made = _REPLACED.get(name)
            if made:
                node.replace(made(self.session, node))

    def _casts(self) -> None:
        """A document becomes a text before it becomes anything else, so that numbers pass through no double."""
        for cast in list(self._document_casts()):
            cast.this.replace(exp.Anonymous(this=_TEXT, expressions=[cast.this.copy()]))
        for cast in list(self.tree.find_all(exp.Cast)):
            if str(cast.to.this.name) in _SEMI_STRUCTURED:
                cast.set("to", exp.DataType.build("JSON", dialect="duckdb"))

    def _document_casts(self) -> Iterator[Node]:
        for cast in self.tree.find_all(exp.Cast):
            if str(cast.to.this.name) not in {*_SEMI_STRUCTURED, "JSON"} and self._is_document(cast.this):
                yield cast

    def _is_document(self, node: Node) -> bool:
        node = node.unnest()
        return isinstance(node, exp.JSONExtract) or (isinstance(node, exp.Column) and str(node.name) in self._variants)


def _within(name: str) -> str:
    try:
        return inner(name)
    except ValueError as wrong:
        raise syntax(str(wrong)) from None


def _text(value: str) -> Node:
    return exp.Literal.string(value) if value else exp.Null()


def _now(session: Session, _: Node) -> Node:
    return exp.cast(exp.Literal.string(session.now.isoformat()), "TIMESTAMPTZ", dialect="duckdb")


def _today(session: Session, _: Node) -> Node:
    return exp.cast(exp.Literal.string(session.now.date().isoformat()), "DATE", dialect="duckdb")


def _to_timestamp(session: Session, node: Node) -> Node:  # noqa: ARG001 - one signature for all
    if len(node.expressions) != 1:
        raise unsupported(f"{node.this} with this format")
    return exp.cast(node.expressions[0].copy(), _TIMESTAMPS[str(node.this).upper()], dialect="duckdb")


def _login_failure(session: Session, node: Node) -> Node:
    """# Reference: section 2, what an administrator asks with the number in the refusal."""
    reason = session.account.login_failures.get(str(node.expressions[0].name), "")
    return _text(f'{{"errorCode":"{reason}"}}' if reason else "")


def _usable(session: Session, _: Node) -> Node:
    found = session.usable_warehouse()
    return _text(found.name if found else "")


def _visible(session: Session, *path: str) -> str:
    on = "DATABASE" if len(path) == 1 else "SCHEMA"
    known = path[0] in session.account.databases and (len(path) == 1 or path[1] in session.account.databases[path[0]])
    return path[-1] if all(path) and known and session.holds(on, path, "USAGE") else ""


def _user(session: Session, _: Node) -> Node:
    return _text(session.user.name)


def _account(session: Session, _: Node) -> Node:
    return _text(session.account.name.partition("-")[2] or session.account.name)


def _organisation(session: Session, _: Node) -> Node:
    return _text(session.account.name.partition("-")[0])


_REPLACED: dict[str, Callable[[Session, Node], Node]] = {
    "CURRENT_TIMESTAMP": _now,
    "SYSDATE": _now,
    "CURRENT_DATE": _today,
    "CURRENT_WAREHOUSE": _usable,
    "CURRENT_USER": _user,
    "CURRENT_ROLE": lambda session, _: _text(session.role),
    "CURRENT_ACCOUNT": _account,
    "CURRENT_ACCOUNT_NAME": _account,
    "CURRENT_ORGANIZATION_NAME": _organisation,
    "CURRENT_REGION": lambda *_: _text("AWS_EU_WEST_1"),
    "CURRENT_VERSION": lambda *_: _text("10.10.0"),
    "CURRENT_DATABASE": lambda session, _: _text(_visible(session, session.database)),
    "CURRENT_SCHEMA": lambda session, _: _text(_visible(session, session.database, session.schema)),
    "SYSTEM$GET_LOGIN_FAILURE_DETAILS": _login_failure,
    **dict.fromkeys(_TIMESTAMPS, _to_timestamp),
}
