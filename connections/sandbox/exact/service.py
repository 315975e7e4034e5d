"""The API behind a division: from a path to a page, an entity, or a change."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connections.sandbox.exact import body, people, query
from connections.sandbox.exact.apps import App, User
from connections.sandbox.exact.catalogue import Endpoint, endpoints
from connections.sandbox.exact.endpoints import ACCOUNT_FILTERS, SYNCED, TERSE, WRITERS, table_name
from connections.sandbox.exact.errors import BadRequest, Forbidden, Gone, NotFound
from connections.sandbox.exact.odata import SYNTAX, Parser
from connections.sandbox.exact.render import Renderer
from connections.sandbox.exact.store import Key, Row, Table
from connections.sandbox.wire import Request, Response

if TYPE_CHECKING:
    from connections.sandbox.exact.division import ExactDivision
    from connections.sandbox.exact.site import ExactSite

_RESOURCE = re.compile(r"^(?P<path>[A-Za-z]+(?:/[A-Za-z]+)*)(?:\((?P<key>[^)]*)\))?(?:/(?P<tail>\$count|[A-Za-z]+))?$")
_VERBS = {"POST": "manage", "PUT": "manage", "DELETE": "manage", "GET": "read"}


@dataclass(frozen=True)
class Call:
    """One request, understood as far as its address."""

    site: ExactSite
    request: Request
    endpoint: Endpoint
    root: str
    app: App
    user: User
    division: ExactDivision | None
    key: str | None = None
    tail: str = ""

    def table(self, endpoint: Endpoint | None = None) -> Table:
        path = (endpoint or self.endpoint).path
        if path == "current/Me":
            return people.me(self.site, self.user)
        if path in ("system/Divisions", "hrm/Divisions", "system/AllDivisions"):
            return people.divisions(self.site, self.user, everything=path == "system/AllDivisions")
        division = self._division
        if path == "read/financial/JournalStatusList":
            return division.periods.statuses
        if path == "sync/Deleted":
            return division.deletions()
        return division.tables[table_name(path)]

    @property
    def _division(self) -> ExactDivision:
        if self.division is None:
            raise NotFound
        return self.division


def resource(text: str) -> tuple[Endpoint, str | None, str]:
    """Endpoint, key and what follows the key. Raises `NotFound`."""
    match = _RESOURCE.match(text)
    if match is None:
        raise NotFound(f"Resource not found for the segment '{text}'.")
    path, key, tail = match.group("path"), match.group("key"), match.group("tail") or ""
    found = endpoints().get(path)
    if found is None:
        raise NotFound(f"Resource not found for the segment '{path.rpartition('/')[2]}'.")
    return found, key, tail


def answer(call: Call) -> Response:
    """Raises `Refusal` or `Rule`."""
    method = call.request.method
    if method not in call.endpoint.methods:
        raise Gone(f"{method} is not supported for {call.endpoint.path}.")
    _in_scope(call)
    if method == "GET":
        return _read(call)
    if call.request.query:
        raise BadRequest(f"The query parameter '{call.request.query[0][0]}' is not supported.")
    if call.division is None or call.endpoint.path == "system/Divisions":
        raise Forbidden("Forbidden")
    return {"POST": _create, "PUT": _change, "DELETE": _delete}[method](call, call.division)


def _in_scope(call: Call) -> None:
    """# Reference: section 2.5 for the sentence; its form for writing is a guess."""
    if not call.app.may(call.endpoint.scope, call.request.method):
        verb = _VERBS[call.request.method]
        raise Forbidden(f"Forbidden - Application Scope Violated. Cannot {verb} '{call.endpoint.scope}' scope.")


# -- reading


def _read(call: Call) -> Response:
    if call.endpoint.kind == "function":
        return _version_of_date(call)
    if call.key is None and call.tail in ("", "$count"):
        return _list(call, call.endpoint, call.table())
    if call.tail:
        return _navigated(call)
    options = query.parse(call.endpoint, call.request.query, call.site.zone)
    return Response.json({"d": _renderer(call, call.endpoint, call.root, options).one(_row(call))})


def _row(call: Call) -> Row:
    row = call.table().get(_key(call))
    if row is None:
        raise NotFound("Resource not found.")
    return row


def _key(call: Call) -> Key:
    texts = [part.partition("=")[2] or part for part in (call.key or "").split(",")]
    values = Parser(",".join(texts), {}, call.site.zone).literals()
    if len(values) != len(call.endpoint.keys):
        raise BadRequest(SYNTAX)
    return values[0] if len(values) == 1 else tuple(values)


def _navigated(call: Call) -> Response:
    """`SalesEntries(guid'...')/SalesEntryLines`, as the deferred links say."""
    found = call.endpoint.properties.get(call.tail)
    if found is None or call.tail not in body.CHILDREN or call.key is None:
        raise NotFound(f"Resource not found for the segment '{call.tail}'.")
    child = endpoints()[body.CHILDREN[call.tail]]
    rows = _children(call, child, _row(call))
    return _list(call, child, Table(*child.keys, rows=rows))


def _children(call: Call, child: Endpoint, row: Row) -> list[Row]:
    parent = body.PARENTS.get(child.path, "EntryID")
    found = call.table(child).find(parent, row["ID" if parent == "VATCodeID" else parent])
    return sorted(found, key=lambda line: int(line["LineNumber"]))


def _list(call: Call, endpoint: Endpoint, table: Table) -> Response:
    options = query.parse(endpoint, call.request.query, call.site.zone)
    _permitted(call, endpoint, options)
    question = (endpoint.path, call.root, call.tail, *sorted(call.request.query))
    return table.answered(
        question, lambda: _answered(call, endpoint, table, options), keep=call.site.switches.pages_kept
    )


def _answered(call: Call, endpoint: Endpoint, table: Table, options: query.Options) -> Response:
    selection = (query.Changes if endpoint.kind == "sync" else query.Selection)(table, options)
    if call.tail == "$count":
        return Response(200, {"Content-Type": "text/plain;charset=utf-8"}, str(selection.count()).encode())
    page = selection.page(endpoint.page_size)
    rows = _renderer(call, endpoint, _service_root(call, endpoint), options).many(page.rows)
    if page.bare and call.site.switches.bare_arrays and endpoint.path != "current/Me":
        return Response.json({"d": rows})
    data: dict[str, Any] = {"results": rows}
    if page.count is not None:
        data["__count"] = str(page.count)
    if page.next:
        data["__next"] = f"{call.root.partition('(')[0]}?{page.next}"
    return Response.json({"d": data})


def _permitted(call: Call, endpoint: Endpoint, options: query.Options) -> None:
    """# Reference: section 5, closed filter lists and mandatory `$select`; section 4, mandatory filters."""
    allowed = {"Timestamp"} if endpoint.kind == "sync" else endpoint.filterable_only
    if allowed and options.fields - allowed:
        raise BadRequest(f"Filtering on these fields is not supported: {', '.join(sorted(options.fields - allowed))}")
    if endpoint.select_mandatory and options.select is None and options.top != 1:
        raise BadRequest(query.PLEASE_SELECT)
    if call.app.mandatory_filtering and endpoint.name in SYNCED and endpoint.kind != "sync":
        _filtered(endpoint, options)


def _filtered(endpoint: Endpoint, options: query.Options) -> None:
    fields = ACCOUNT_FILTERS if endpoint.name == "Accounts" else tuple(endpoint.properties)
    if not options.fields & set(fields):
        raise BadRequest(
            "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter "
            f"parameter with one of the following fields in the url: {', '.join(fields)}"
        )


def _service_root(call: Call, endpoint: Endpoint) -> str:
    return call.root.partition("(")[0].removesuffix(call.endpoint.path) + endpoint.path


def _renderer(call: Call, endpoint: Endpoint, root: str, options: query.Options) -> Renderer:
    """A guess: an expanded collection is answered even where `$select` does not name it."""
    expanded = {name: _expansion(call, name, options) for name in options.expand if name in body.CHILDREN}
    zone = call.site.zone if call.site.switches.dates_in_utc else None
    return Renderer(endpoint, root, options.select, expanded, utc=zone)


def _expansion(call: Call, name: str, options: query.Options) -> Callable[[Row], list[Row]]:
    child = endpoints()[body.CHILDREN[name]]
    unknown = set(options.inner.get(name, ())) - set(child.properties)
    if unknown:
        raise BadRequest(f"Could not find a property named '{min(unknown)}' on type '{child.model}'.")
    zone = call.site.zone if call.site.switches.dates_in_utc else None
    renderer = Renderer(child, _service_root(call, child), options.inner.get(name), utc=zone)
    return lambda row: renderer.many(_children(call, child, row))


def _version_of_date(call: Call) -> Response:
    """# Reference: section 8, the row version to start a sync from. The envelope is a guess."""
    given = dict(call.request.query)
    if set(given) - {"modified", "endPoint", "$select"} or not {"modified", "endPoint"} <= set(given):
        raise BadRequest(SYNTAX)
    since, name = (Parser(given[part], {}, call.site.zone).literals()[0] for part in ("modified", "endPoint"))
    paths = {found.name: path for path, found in endpoints().items() if found.kind == "sync"}
    if not isinstance(since, datetime) or name not in paths or call.division is None:
        raise BadRequest(SYNTAX)
    table = call.division.tables[table_name(paths[name])]
    older = [row["Timestamp"] for row in table if row["Modified"] < since]
    row = {"Modified": since, "API": name, "TimeStampAsBigInt": max(older, default=1)}
    return Response.json({"d": {"results": [Renderer(call.endpoint, call.root).one(row)]}})


# -- writing


def _create(call: Call, division: ExactDivision) -> Response:
    known = WRITERS[call.endpoint.path]
    if (known.create or known.create_for) is None or call.key is not None:
        raise Gone(f"POST is not supported for {call.endpoint.path}.")
    given = body.read(call.endpoint, call.request.body, "POST", call.site.zone)
    _keeps_suppliers(call, given)
    row = known.create(division, given) if known.create else known.create_for(call, division, given)  # type: ignore[misc]
    full = "return=representation" in call.request.headers.get("prefer", "") or call.endpoint.path not in TERSE
    blank = None if full else frozenset(call.endpoint.keys)
    zone = call.site.zone if call.site.switches.dates_in_utc else None
    entity = Renderer(call.endpoint, call.root, utc=zone, blank=blank).one(row)
    return Response.json({"d": entity}, call.site.switches.post_status, {"Location": entity["__metadata"]["uri"]})


def _change(call: Call, division: ExactDivision) -> Response:
    writer = WRITERS[call.endpoint.path].change
    if writer is None or call.key is None:
        raise Gone(f"PUT is not supported for {call.endpoint.path}.")
    given = body.read(call.endpoint, call.request.body, "PUT", call.site.zone)
    _keeps_suppliers(call, given, _row(call))
    writer(division, _key(call), given)
    return Response.empty(204)


def _delete(call: Call, division: ExactDivision) -> Response:
    writer = WRITERS[call.endpoint.path].delete
    if writer is None or call.key is None:
        raise Gone(f"DELETE is not supported for {call.endpoint.path}.")
    _keeps_suppliers(call, {}, _row(call))
    writer(division, _key(call))
    return Response.empty(204)


def _keeps_suppliers(call: Call, given: Row, held: Row | None = None) -> None:
    """No switch of the vendor's: it is how a test sees that a link with a till never writes what it must not."""
    if not call.app.keeps_suppliers:
        return
    if call.endpoint.path == "financial/GLAccounts":
        raise Forbidden("Forbidden - this application does not write G/L accounts.")
    accounts = [given, held or {}] if call.endpoint.path == "crm/Accounts" else []
    if call.endpoint.path in ("crm/Contacts", "crm/Addresses") and call.division is not None:
        named = [row["Account"] for row in (given, held or {}) if row.get("Account")]
        accounts = [call.division.tables["accounts"].get(key) or {} for key in named]
    if any(row.get("IsSupplier") or row.get("Status") in ("A", "S", "P") for row in accounts):
        raise Forbidden("Forbidden - this application writes customers only.")
