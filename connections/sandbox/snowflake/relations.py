"""Tables and views as Snowflake describes them, and the types of columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from connections.sandbox.snowflake.errors import unsupported
from connections.sandbox.snowflake.identifiers import inner, quoted

LONGEST_TEXT = 16_777_216
Path = tuple[str, str, str]


@dataclass(frozen=True)
class Type:
    """`kind` as in bindings and results, such as FIXED or TIMESTAMP_TZ. Reference: 1.5."""

    kind: str
    precision: int = 0
    scale: int = 0
    length: int = 0

    @property
    def declared(self) -> str:
        """As DESCRIBE prints it."""
        match self.kind:
            case "FIXED":
                return f"NUMBER({self.precision},{self.scale})"
            case "TEXT":
                return f"VARCHAR({self.length})"
            case "REAL":
                return "FLOAT"
            case "BINARY":
                return "BINARY(8388608)"
            case "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIMESTAMP_TZ" | "TIME":
                return f"{self.kind}({self.scale})"
        return self.kind

    @property
    def named(self) -> str:
        """As INFORMATION_SCHEMA prints it."""
        return {"FIXED": "NUMBER", "REAL": "FLOAT"}.get(self.kind, self.kind)

    @property
    def engine(self) -> str:
        if self.kind == "FIXED":
            return f"DECIMAL({self.precision},{self.scale})"
        return _ENGINE[self.kind]


_ENGINE = {
    "TEXT": "VARCHAR",
    "REAL": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "BINARY": "BLOB",
    "VARIANT": "JSON",
    "TIMESTAMP_NTZ": "TIMESTAMP",
    "TIMESTAMP_LTZ": "TIMESTAMPTZ",
    "TIMESTAMP_TZ": "TIMESTAMPTZ",
}
_FROM_ENGINE = {
    "VARCHAR": Type("TEXT", length=LONGEST_TEXT),
    "JSON": Type("VARIANT"),
    "DOUBLE": Type("REAL"),
    "FLOAT": Type("REAL"),
    "BOOLEAN": Type("BOOLEAN"),
    "DATE": Type("DATE"),
    "TIME": Type("TIME", scale=9),
    "BLOB": Type("BINARY"),
    "TIMESTAMP": Type("TIMESTAMP_NTZ", scale=9),
    "TIMESTAMP WITH TIME ZONE": Type("TIMESTAMP_TZ", scale=9),
    "NULL": Type("TEXT", length=LONGEST_TEXT),
    '"NULL"': Type("TEXT", length=LONGEST_TEXT),
}
_WHOLE = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 38, "UBIGINT": 20, "UINTEGER": 10}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_KINDS = {
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR", "NCHAR", "NVARCHAR"), "TEXT"),
    **dict.fromkeys(("DECIMAL", "INT", "BIGINT", "SMALLINT", "TINYINT"), "FIXED"),
    **dict.fromkeys(("DOUBLE", "FLOAT"), "REAL"),
    **dict.fromkeys(("VARIANT", "OBJECT", "ARRAY"), "VARIANT"),
    **dict.fromkeys(("TIMESTAMPNTZ", "TIMESTAMP", "DATETIME"), "TIMESTAMP_NTZ"),
    **dict.fromkeys(("BINARY", "VARBINARY"), "BINARY"),
    "TIMESTAMPLTZ": "TIMESTAMP_LTZ",
    "TIMESTAMPTZ": "TIMESTAMP_TZ",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
}


def declared(written: exp.DataType) -> Type:
    """The type a statement writes. Raises `Failed`."""
    kind = _KINDS.get(written.this.name if hasattr(written.this, "name") else str(written.this))
    numbers = [int(str(part.name)) for part in written.expressions if str(part.name).isdigit()]
    match kind:
        case None:
            raise unsupported(f"data type {written.sql('snowflake')}")
        case "FIXED":
            return Type("FIXED", precision=(numbers or [38])[0], scale=[*numbers, 0, 0][1] if numbers else 0)
        case "TEXT":
            return Type("TEXT", length=(numbers or [LONGEST_TEXT])[0])
        case "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIMESTAMP_TZ" | "TIME":
            return Type(kind, scale=(numbers or [9])[0])
    return Type(kind)


def from_engine(name: str) -> Type:
    """The type of a computed column."""
    if name in _WHOLE:
        return Type("FIXED", precision=_WHOLE[name])
    decimal = _DECIMAL.fullmatch(name)
    if decimal:
        return Type("FIXED", precision=int(decimal[1]), scale=int(decimal[2]))
    if name.startswith(("STRUCT(", "MAP(")) or name.endswith("[]"):
        return Type("VARIANT")
    if name.startswith("VARCHAR"):
        return _FROM_ENGINE["VARCHAR"]
    if name not in _FROM_ENGINE:
        raise unsupported(f"a result of type {name}")
    return _FROM_ENGINE[name]


@dataclass(frozen=True)
class Column:
    name: str
    type: Type
    nullable: bool = True


@dataclass
class Relation:
    """A table or view. `path` is (database, schema, name), each exact."""

    path: Path
    kind: str
    columns: list[Column]
    owner: str
    created_at: datetime
    text: str = field(default="", repr=False)

    @property
    def is_view(self) -> bool:
        return self.kind == "VIEW"

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


def engine_schema(database: str, schema: str) -> str:
    return inner(f"{database}.{schema}")


def engine_path(path: Path) -> str:
    return f"{quoted(engine_schema(*path[:2]))}.{quoted(inner(path[2]))}"
