"""One statement carried out: queries, rows put in or taken out, tables and views made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from connections.sandbox.snowflake import documents, show
from connections.sandbox.snowflake.errors import Failed, invalid_identifier, malformed, missing, null_in, unprivileged
from connections.sandbox.snowflake.errors import unsupported as _unsupported
from connections.sandbox.snowflake.identifiers import inner, quoted, shown
from connections.sandbox.snowflake.outcome import Outcome, counted, done
from connections.sandbox.snowflake.people import Grant
from connections.sandbox.snowflake.relations import (
    LONGEST_TEXT,
    Column,
    Path,
    Relation,
    Type,
    declared,
    engine_path,
)
from connections.sandbox.snowflake.session import Session
from connections.sandbox.snowflake.translation import Parsed, Translation, parse

Node = Any
_IGNORED = (exp.CommentColumnConstraint, exp.PrimaryKeyColumnConstraint)


def execute(session: Session, text: str, bindings: Sequence[Any]) -> Outcome:
    """Raises `Failed` and, for what the API never takes, `Denied`."""
    found = show.command(session, text)
    if found is not None:
        return found
    parsed = parse(text)
    if parsed.bindings > len(bindings):
        said = f"error line 1 at position 0\nBind variable :{len(bindings) + 1} not set."
        raise Failed("002049", "42601", f"SQL compilation error: {said}")
    if parsed.bindings < len(bindings):
        # Strict beyond what is known: a binding that nothing reads is a mistake of the caller.
        raise malformed(f"{len(bindings)} bindings for {parsed.bindings} placeholders")
    kind = next((kind for kind in _KINDS if isinstance(parsed.tree, kind)), None)
    if kind is None:
        raise _unsupported(f"{type(parsed.tree).__name__} statements")
    return _KINDS[kind](session, parsed, bindings)


def _values(translation: Translation, bindings: Sequence[Any]) -> dict[str, Any]:
    named = {f"b{place}": value for place, value in enumerate(bindings, 1)}
    for name in translation.documents:
        if isinstance(named[name], str):
            named[name] = documents.checked(named[name])
    return named


def _query(session: Session, parsed: Parsed, bindings: Sequence[Any]) -> Outcome:
    translation = Translation(session, parsed.tree)
    sql = translation.sql()
    if translation.needs_warehouse:
        session.work()
    columns, rows = session.account.engine.query(sql, _values(translation, bindings))
    return Outcome(columns, rows)


# -- rows


def _insert(session: Session, parsed: Parsed, bindings: Sequence[Any]) -> Outcome:
    tree = parsed.tree
    if tree.args.get("overwrite") or tree.expression is None:
        raise _unsupported("this form of INSERT")
    relation, columns = _target(session, tree)
    translation = Translation(session, tree.expression.copy())
    query = translation.sql()
    session.work()
    values = _values(translation, bindings)
    _fits(session, relation, columns, query, values)
    names = ", ".join(quoted(inner(column.name)) for column in columns)
    rows = session.account.engine.run(
        f"INSERT INTO {engine_path(relation.path)} ({names}) {query}",
        values,
    )
    return counted("inserted", rows)


def _target(session: Session, tree: Node) -> tuple[Relation, list[Column]]:
    place = tree.this
    table = place.this if isinstance(place, exp.Schema) else place
    relation = session.relation(_path(session, table), "INSERT")
    if relation.is_view:
        raise Failed("002003", "42601", "SQL compilation error:\nView cannot be inserted into.")
    if not isinstance(place, exp.Schema):
        return relation, relation.columns
    columns = []
    for written in place.expressions:
        name = _name(session, written)
        found = relation.column(name)
        if found is None:
            raise invalid_identifier(shown(name))
        columns.append(found)
    return relation, columns


def _fits(session: Session, relation: Relation, columns: Sequence[Column], query: str, values: dict[str, Any]) -> None:
    given = session.account.engine.describe(query, values)
    if len(given) != len(columns):
        said = f"Insert value list does not match column list expecting {len(columns)} but got {len(given)}"
        raise Failed("002020", "21S01", f"SQL compilation error:\n{said}")
    for column, found in zip(columns, given, strict=True):
        if (column.type.kind == "VARIANT") != (found.type.kind == "VARIANT"):
            said = f"expecting {column.type.declared} but got {found.type.declared} for column {column.name}"
            raise Failed("002023", "22000", f"SQL compilation error:\nExpression type does not match column data type, "
                         f"{said}")  # fmt: skip
    left_out = {column.name for column in relation.columns if not column.nullable} - {column.name for column in columns}
    if left_out:
        raise null_in(min(left_out))


def _change(verb: str, privilege: str) -> Callable[[Session, Parsed, Sequence[Any]], Outcome]:
    def carry_out(session: Session, parsed: Parsed, bindings: Sequence[Any]) -> Outcome:
        translation = Translation(session, parsed.tree, privilege=privilege)
        sql = translation.sql()
        session.work()
        return counted(verb, session.account.engine.run(sql, _values(translation, bindings)))

    return carry_out


# -- tables and views


def _create(session: Session, parsed: Parsed, bindings: Sequence[Any]) -> Outcome:
    tree = parsed.tree
    kind = str(tree.args.get("kind", "")).upper()
    if bindings:
        raise _unsupported("bindings in CREATE")
    for word in ("TemporaryProperty", "ExternalProperty", "DynamicProperty"):
        if any(type(one).__name__ == word for one in tree.find_all(exp.Property)):
            raise _unsupported(f"CREATE with {word}")
    if kind == "VIEW":
        return _create_view(session, tree)
    if kind != "TABLE" or tree.expression is not None or not isinstance(tree.this, exp.Schema):
        raise _unsupported(f"this form of CREATE {kind}")
    return _create_table(session, tree)


def _create_table(session: Session, tree: Node) -> Outcome:
    path = _path(session, tree.this.this)
    made = _making(session, tree, "TABLE", path)
    if made:
        return made
    columns = [_column(session, one) for one in tree.this.expressions if isinstance(one, exp.ColumnDef)]
    names = [column.name for column in columns]
    if not columns or len(set(names)) != len(names):
        raise Failed("002025", "42S21", "SQL compilation error:\nduplicate column name, or none")
    session.account.engine.run(
        f"CREATE OR REPLACE TABLE {engine_path(path)} ({', '.join(map(_engine_column, columns))})"
    )
    _keep(session, Relation(path, "TABLE", columns, session.role, session.now))
    return done(f"Table {shown(path[2])} successfully created.")


def _create_view(session: Session, tree: Node) -> Outcome:
    named = tree.this if isinstance(tree.this, exp.Schema) else None
    path = _path(session, named.this if named else tree.this)
    made = _making(session, tree, "VIEW", path)
    if made:
        return made
    query = Translation(session, tree.expression.copy()).sql()
    if named:
        names = ", ".join(quoted(inner(_name(session, one))) for one in named.expressions)
        query = f"SELECT * FROM ({query}) AS q({names})"  # noqa: S608 - made by ourselves
    columns = session.account.engine.describe(query)
    session.account.engine.run(f"CREATE OR REPLACE VIEW {engine_path(path)} AS {query}")
    _keep(session, Relation(path, "VIEW", columns, session.role, session.now, str(tree.expression)))
    return done(f"View {shown(path[2])} successfully created.")


def _making(session: Session, tree: Node, kind: str, path: Path) -> Outcome | None:
    """Whether it may be made; the outcome where it is there already and that is no error."""
    session.require_creation(kind, path)
    there = session.account.relations.get(path)
    if there is None:
        return None
    if tree.args.get("exists"):
        return done(f"{shown(path[2])} already exists, statement succeeded.")
    if not tree.args.get("replace") or there.kind != kind:
        raise Failed(
            "002002", "42710", f"SQL compilation error:\nObject '{'.'.join(map(shown, path))}' already exists."
        )
    if not session.holds(kind, path, "OWNERSHIP"):
        raise unprivileged(kind.lower(), shown(path[2]))
    return None


def _keep(session: Session, relation: Relation) -> None:
    session.account.relations[relation.path] = relation
    if session.role in session.account.roles:
        session.account.roles[session.role].grants.add(Grant("OWNERSHIP", relation.kind, relation.path))


def _column(session: Session, written: Node) -> Column:
    nullable = True
    for constraint in written.args.get("constraints") or []:
        if isinstance(constraint.kind, exp.NotNullColumnConstraint):
            nullable = bool(constraint.kind.args.get("allow_null"))
        elif not isinstance(constraint.kind, _IGNORED):
            raise _unsupported(f"column constraint {constraint.sql('snowflake')}")
    return Column(_name(session, written.this), declared(written.args["kind"]), nullable)


def _engine_column(column: Column) -> str:
    name = quoted(inner(column.name))
    parts = [name, column.type.engine]
    if not column.nullable:
        parts.append("NOT NULL")
    if column.type.kind == "TEXT" and column.type.length < LONGEST_TEXT:
        parts.append(f"CHECK (length({name}) <= {column.type.length})")
    return " ".join(parts)


def _truncate(session: Session, parsed: Parsed, _: Sequence[Any]) -> Outcome:
    for table in parsed.tree.expressions:
        relation = session.relation(_path(session, table), "TRUNCATE")
        session.account.engine.run(f"DELETE FROM {engine_path(relation.path)}")  # noqa: S608 - made by ourselves
    return done("Statement executed successfully.")


def _drop(session: Session, parsed: Parsed, _: Sequence[Any]) -> Outcome:
    tree = parsed.tree
    kind = str(tree.args.get("kind", "")).upper()
    if kind not in ("TABLE", "VIEW"):
        raise _unsupported(f"DROP {kind}")
    path = _path(session, (tree.args.get("tables") or [tree.this])[0])
    relation = session.find(path)
    if relation is None or relation.kind != kind:
        if tree.args.get("exists"):
            return done("Drop statement executed successfully.")
        raise missing(kind.capitalize(), ".".join(map(shown, path)))
    if not session.holds(kind, path, "OWNERSHIP"):
        raise unprivileged(kind.lower(), shown(path[2]))
    session.account.engine.run(f"DROP {kind} {engine_path(path)}")
    del session.account.relations[path]
    return done(f"{shown(path[2])} successfully dropped.")


def _alter(session: Session, parsed: Parsed, _: Sequence[Any]) -> Outcome:
    tree = parsed.tree
    path = _path(session, tree.this)
    relation = session.relation(path, "OWNERSHIP")
    for action in tree.args["actions"]:
        if not isinstance(action, exp.ColumnDef):
            raise _unsupported("this form of ALTER TABLE")
        column = _column(session, action)
        if relation.column(column.name):
            if action.args.get("exists"):
                continue
            raise Failed("001430", "42711", f"SQL compilation error:\ncolumn '{column.name}' already exists")
        if not column.nullable:
            raise _unsupported("adding a column that is NOT NULL")
        plain = Column(column.name, Type("TEXT", length=LONGEST_TEXT) if column.type.kind == "TEXT" else column.type)
        session.account.engine.run(f"ALTER TABLE {engine_path(path)} ADD COLUMN {_engine_column(plain)}")
        relation.columns.append(column)
    return done("Statement executed successfully.")


def _name(session: Session, written: Node) -> str:
    node = written if isinstance(written, exp.Identifier) else written.find(exp.Identifier)
    keeps = node.quoted and not session.ignores_case
    return str(node.this) if keeps else str(node.this).upper()


def _path(session: Session, table: Node) -> Path:
    parts = [table.args[part] for part in ("catalog", "db", "this") if table.args.get(part)]
    return session.path([_name(session, part) for part in parts])


_KINDS: dict[type[Any], Callable[[Session, Parsed, Sequence[Any]], Outcome]] = {
    exp.Query: _query,
    exp.Insert: _insert,
    exp.Update: _change("updated", "UPDATE"),
    exp.Delete: _change("deleted", "DELETE"),
    exp.Create: _create,
    exp.TruncateTable: _truncate,
    exp.Drop: _drop,
    exp.Alter: _alter,
}
