"""Query options of a list request, and the page they ask for.

# Reference: section 5. The envelope is a bare array when `$top` is at most the page size and no paging can occur.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from connections.sandbox.exact import odata
from connections.sandbox.exact.catalogue import Endpoint
from connections.sandbox.exact.errors import BadRequest
from connections.sandbox.exact.render import token
from connections.sandbox.exact.store import Key, Row, Table

OPTIONS = frozenset(
    ("$select", "$filter", "$orderby", "$top", "$skip", "$expand", "$inlinecount", "$skiptoken", "$format", "$count")
)
_SAFE = "$,'()/*"
PLEASE_SELECT = "Please add a $select or a $top=1 statement to the query string."


@dataclass(frozen=True)
class Options:
    select: tuple[str, ...] | None = None
    filter: odata.Node | None = None
    fields: frozenset[str] = frozenset()
    orderby: tuple[tuple[str, bool], ...] = ()  # (property, descending)
    top: int | None = None
    skip: int = 0
    expand: tuple[str, ...] = ()
    counted: bool = False
    after: tuple[Any, ...] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    inner: dict[str, tuple[str, ...]] = field(default_factory=dict)  # collection -> its selected columns


LONGEST_NUMBER = 9


def parse(endpoint: Endpoint, query: list[tuple[str, str]], zone: ZoneInfo) -> Options:
    """Raises `BadRequest`."""
    texts: dict[str, str] = {}
    for name, value in query:
        if name not in OPTIONS or name in texts:
            raise BadRequest(f"The query parameter '{name}' is not supported.")
        texts[name] = value
    types = {name: found.type for name, found in endpoint.properties.items()}
    node, fields = _filter(texts.get("$filter", ""), types, zone)
    select, inner = _selected(endpoint, texts.get("$select", ""))
    return Options(
        select=select,
        filter=node,
        fields=fields,
        orderby=_orderby(endpoint, texts.get("$orderby", "")),
        top=_whole(texts, "$top"),
        skip=_whole(texts, "$skip") or 0,
        expand=_expanded(endpoint, texts.get("$expand", "")),
        counted=_counted(texts),
        after=tuple(odata.Parser(texts["$skiptoken"], {}, zone).literals()) if "$skiptoken" in texts else None,
        texts=texts,
        inner=inner,
    )


def _filter(text: str, types: dict[str, str], zone: ZoneInfo) -> tuple[odata.Node | None, frozenset[str]]:
    if not text.strip():
        return None, frozenset()
    parser = odata.Parser(text, types, zone)
    return parser.parse(), frozenset(parser.fields)


def _counted(texts: dict[str, str]) -> bool:
    if texts.get("$inlinecount", "none") not in ("none", "allpages"):
        raise BadRequest(odata.SYNTAX)
    return texts.get("$inlinecount") == "allpages"


def _whole(texts: dict[str, str], name: str) -> int | None:
    if name not in texts:
        return None
    text = texts[name]
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise BadRequest(odata.SYNTAX)
    return int(text)


def _selected(endpoint: Endpoint, text: str) -> tuple[tuple[str, ...] | None, dict[str, tuple[str, ...]]]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        return None, {}
    if "*" in names:
        if not endpoint.select_star or endpoint.kind in ("bulk", "sync"):
            raise BadRequest("The wildcard '*' is not supported in $select for this resource.")
        return None, {}
    inner: dict[str, list[str]] = {}
    chosen = []
    for name in names:
        head, _, rest = name.partition("/")
        if head not in endpoint.properties or (rest and endpoint.properties[head].type != "C"):
            raise BadRequest(f"Could not find a property named '{head}' on type '{endpoint.model}'.")
        chosen.append(head)
        if rest:
            inner.setdefault(head, []).append(rest)
    return tuple(chosen), {head: tuple(parts) for head, parts in inner.items()}


def _orderby(endpoint: Endpoint, text: str) -> tuple[tuple[str, bool], ...]:
    order = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, direction = part.partition(" ")
        known = endpoint.properties.get(name)
        if known is None or known.type == "C" or direction.strip() not in ("", "asc", "desc"):
            raise BadRequest(odata.SYNTAX)
        order.append((name, direction.strip() == "desc"))
    return tuple(order)


def _expanded(endpoint: Endpoint, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in endpoint.properties or endpoint.properties[name].type != "C":
            raise BadRequest(f"Could not find a property named '{name}' on type '{endpoint.model}'.")
    return names


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    bare: bool
    next: str  # the query of the next page, or empty
    count: int | None


class Selection:
    """The rows of a table that an answer is made of."""

    def __init__(self, table: Table, options: Options) -> None:
        self._table = table
        self._options = options
        self._matches = odata.predicate(options.filter) if options.filter else None

    def count(self) -> int:
        return sum(1 for _ in self._matching(self._pool()))

    def page(self, size: int) -> Page:
        options = self._options
        asked = size if options.top is None else min(size, options.top)
        rows = list(islice(self._ordered(), options.skip, options.skip + asked + 1))
        more = len(rows) > asked and (options.top is None or options.top > size)
        rows = rows[:asked]
        plain = options.after is None and not options.counted
        return Page(
            rows=rows,
            bare=plain and options.top is not None and options.top <= size,
            next=self._next(rows, size) if more and rows else "",
            count=self.count() if options.counted else None,
        )

    def _next(self, rows: list[Row], size: int) -> str:
        options = self._options
        values = [rows[-1].get(name) for name, _ in options.orderby]
        parts: dict[str, str] = {
            name: options.texts[name] for name in ("$orderby", "$filter", "$expand", "$select") if name in options.texts
        }
        if options.top is not None:
            parts["$top"] = str(options.top - size)
        parts["$skiptoken"] = token(values, self._table.key_of(rows[-1]))
        return "&".join(f"{name}={quote(value, safe=_SAFE)}" for name, value in parts.items())

    def _matching(self, rows: Iterable[Row]) -> Iterator[Row]:
        return filter(self._matches, rows) if self._matches else iter(rows)

    def _ordered(self) -> Iterator[Row]:
        """In the order asked for, from the `$skiptoken` on."""
        order = self._options.orderby
        if not order:
            return self._matching(self._by_key())
        if any(descending for _, descending in order):
            return filter(self._follows(), self._descending())
        texts = self._options.texts
        rows = self._table.arranged((texts["$orderby"], texts.get("$filter", "")), self._rising)
        return islice(rows, self._start(rows), None)

    def _rising(self) -> list[Row]:
        return sorted(self._matching(self._pool()), key=self._ascending)

    def _start(self, rows: list[Row]) -> int:
        if self._options.after is None:
            return 0
        values = self._options.after[: len(self._options.orderby)]
        try:
            return bisect_right(rows, (*map(_sortable, values), self._last_key()), key=self._ascending)
        except TypeError:  # a value of the token is of another type than its column
            raise BadRequest(odata.SYNTAX) from None

    def _descending(self) -> list[Row]:
        rows = sorted(self._matching(self._pool()), key=self._table.key_of)
        for name, descending in reversed(self._options.orderby):
            rows.sort(key=partial(_column, name), reverse=descending)
        return rows

    def _ascending(self, row: Row) -> tuple[Any, ...]:
        return (*(_sortable(row.get(name)) for name, _ in self._options.orderby), self._table.key_of(row))

    def _pool(self) -> Iterable[Row]:
        """All rows that can match: by index where the filter allows."""
        node = self._options.filter
        pairs = odata.candidates(node, self._table.indexed) if node else None
        if pairs is None:
            return self._table.in_key_order()
        keys: dict[Key, None] = {}
        for column, value in pairs:
            keys.update(dict.fromkeys(self._table.keys_where(column, value)))
        return (self._table.rows[key] for key in sorted(keys))

    def _by_key(self) -> Iterable[Row]:
        after = self._last_key()
        node = self._options.filter
        if node and odata.candidates(node, self._table.indexed) is not None:
            return (row for row in self._pool() if after is None or self._table.key_of(row) > after)
        return self._table.in_key_order(after)

    def _last_key(self) -> Key:
        """Of the row the page before ended with. Raises `BadRequest` for a token of another list."""
        after = self._options.after
        if after is None:
            return None
        values = after[len(self._options.orderby) :]
        sample = next(iter(self._table.rows), None)
        key = values[0] if len(values) == 1 else values
        kinds = [type(part) for part in sample] if isinstance(sample, tuple) else [type(sample)]
        if sample is not None and [type(value) for value in values] != kinds:
            raise BadRequest(odata.SYNTAX)
        return key

    def _follows(self) -> Callable[[Row], bool]:
        """Whether a row comes after the `$skiptoken`, in the order asked for."""
        options = self._options
        key = self._last_key()
        if options.after is None:
            return lambda _row: True
        last = list(zip(options.orderby, map(_sortable, options.after), strict=False))

        def follows(row: Row) -> bool:
            for (name, descending), other in last:
                mine = _sortable(row.get(name))
                if mine != other:
                    return _beyond(mine, other) != descending
            return bool(self._table.key_of(row) > key)

        return follows


class Changes(Selection):
    """Of a sync endpoint: in the order of the row versions, from the `$skiptoken` or the filter on."""

    def _ordered(self) -> Iterator[Row]:
        options = self._options
        floor = odata.version_floor(options.filter) if options.filter else 0
        if options.after is not None:
            last = options.after[-1]
            if not isinstance(last, int):
                raise BadRequest(odata.SYNTAX)
            floor = max(floor, last)
        return self._matching(self._table.in_change_order(floor))

    def _next(self, rows: list[Row], size: int) -> str:
        text = super()._next(rows, size)
        head, _, _ = text.rpartition("$skiptoken=")
        return f"{head}$skiptoken={rows[-1]['Timestamp']}L"


def _beyond(mine: tuple[bool, Any], other: tuple[bool, Any]) -> bool:
    try:
        return mine > other
    except TypeError:  # the token's value is of another type than the column
        raise BadRequest(odata.SYNTAX) from None


def _column(name: str, row: Row) -> tuple[bool, Any]:
    return _sortable(row.get(name))


def _sortable(value: Any) -> tuple[bool, Any]:
    """Nulls first, as the server sorts them."""
    return (value is not None, value)
