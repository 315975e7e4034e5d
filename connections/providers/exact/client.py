"""Reading and writing one division of Exact Online.

Reads follow the pages and may be repeated by the caller. A write is sent once: after `NoAnswer` the caller looks the
document up by its reference (`documents`) before anything else.
Reference: exact-online.md sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from connections.providers.errors import Unreadable
from connections.providers.exact import answers, odata, resources
from connections.providers.exact.entries import encode
from connections.providers.exact.payloads import Division, Me
from connections.providers.exact.resources import Resource
from connections.providers.exact.written import Written, listing, written
from connections.providers.http import Answer, Call, TokenSource, Transport, with_token
from connections.providers.payload import Reader, decode

SYSTEM = "exact"
# The keys that carry the address of the next page: OData v2 as observed, and v4 should Exact ever move.
NEXT = ("__next", "@odata.nextLink")

T = TypeVar("T")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Page(Generic[T]):
    rows: tuple[T, ...]
    following: str


class ExactClient:
    """One connection, pinned to one division; without one only `me` and `divisions` work.

    `base_url` may carry a path prefix. Every method raises the errors of `providers.errors`.
    """

    def __init__(self, base_url: str, *, division: int | None, tokens: TokenSource, transport: Transport) -> None:
        self.base_url = base_url.rstrip("/")
        self.division = division
        self.tokens = tokens
        self.transport = transport

    def me(self) -> Me:
        """Who gave consent and where they are. The one call without a division in its path."""
        call = Call(SYSTEM, "Me.read", "GET", resources.ME.path)
        url = f"{self._api()}/{resources.ME.path}?{odata.query(select=resources.ME.select)}"
        rows = self._page(call, url).rows
        if not rows:
            raise Unreadable("Me is an empty list")
        return resources.ME.read(rows[0])

    def divisions(self, division: int) -> tuple[Division, ...]:
        """Every division this consent reaches, an accountant's clients included, asked through any of them."""
        resource = resources.DIVISIONS
        call = Call(SYSTEM, "Divisions.list", "GET", resource.path, division=division)
        url = f"{self._api(division)}/{resource.path}?{odata.query(select=resource.select)}"
        return tuple(resource.read(row) for page in self._follow(call, url, self._page) for row in page.rows)

    def read(
        self,
        resource: Resource[T],
        *,
        where: odata.Filter | None = None,
        orderby: str = "",
        top: int | None = None,
    ) -> Iterator[T]:
        """Typed rows of a resource, page after page, as they are needed."""
        found = self.rows(resource.path, select=resource.select, where=where, orderby=orderby, top=top)
        return (resource.read(row) for row in found)

    def rows(
        self,
        path: str,
        *,
        select: Sequence[str],
        where: odata.Filter | None = None,
        orderby: str = "",
        top: int | None = None,
        expand: str = "",
        operation: str = "",
    ) -> Iterator[Row]:
        """Raw rows, page after page, never more than `top`."""
        pages = self.pages(
            path, select=select, where=where, orderby=orderby, top=top, expand=expand, operation=operation
        )
        return islice((row for page in pages for row in page), top)

    def pages(
        self,
        path: str,
        *,
        select: Sequence[str],
        where: odata.Filter | None = None,
        orderby: str = "",
        top: int | None = None,
        expand: str = "",
        operation: str = "",
    ) -> Iterator[tuple[Row, ...]]:
        """Raw rows as Exact pages them: 60 at a time, 1,000 for bulk/ and sync/."""
        division = self._pinned()
        call = Call(SYSTEM, operation or f"{named(path)}.list", "GET", path, division=division)
        asked = odata.query(select=select, where=where, orderby=orderby, top=top, expand=expand)
        return (page.rows for page in self._follow(call, f"{self._api(division)}/{path}?{asked}", self._page))

    def written(
        self, path: str, *, select: Sequence[str], where: odata.Filter | None = None, orderby: str = ""
    ) -> Iterator[tuple[Written, ...]]:
        """As `pages`, each row with its text."""
        call = Call(SYSTEM, f"{named(path)}.list", "GET", path, division=self._pinned())
        url = f"{self._api(call.division)}/{path}?{odata.query(select=select, where=where, orderby=orderby)}"
        return (page.rows for page in self._follow(call, url, self._written))

    def first(
        self, path: str, *, select: Sequence[str], where: odata.Filter | None = None, orderby: str = ""
    ) -> Row | None:
        return next(self.rows(path, select=select, where=where, orderby=orderby, top=1), None)

    def newest(self, path: str, field: str) -> tuple[int, Row] | None:
        """How many rows a list has, and of that field the highest one: one call however long the list is.

        None for an empty list, and where Exact does not say how many there are. Reference: exact-online.md 5; the form
        of the count is a guess.
        """
        call = Call(SYSTEM, f"{named(path)}.newest", "GET", path, division=self._pinned())
        asked = odata.query(select=(field,), orderby=f"{field} desc", top=1)
        return self._send(call, f"{self._api(call.division)}/{path}?{asked}&$inlinecount=allpages", _counted)

    def version_at(self, endpoint: str, since: datetime) -> int:
        """The row version from which a sync endpoint tells what changed since then, in the site's wall clock.

        Reference: exact-online.md 8; that every sync endpoint is known there by its own name is a guess.
        """
        path, field = "read/sync/Sync/SyncTimestamp", "TimeStampAsBigInt"
        call = Call(SYSTEM, "SyncTimestamp.read", "GET", path, division=self._pinned())
        asked = f"modified={quote(odata.literal(since))}&endPoint={quote(odata.literal(endpoint))}&$select={field}"
        rows = self._page(call, f"{self._api(call.division)}/{path}?{asked}").rows
        if not rows:
            raise Unreadable("SyncTimestamp is an empty list")
        return Reader(rows[0], "SyncTimestamp").integer(field)

    def create(self, path: str, body: bytes | Mapping[str, Any], *, representation: bool = True) -> Row:
        """POST one entity and return it raw. A frozen body goes out byte for byte.

        `representation` asks for the whole entity, which some would otherwise answer almost empty.
        """
        return self.create_read(path, body, read=lambda row: row, representation=representation)

    def create_read(
        self, path: str, body: bytes | Mapping[str, Any], *, read: Callable[[Row], T], representation: bool = True
    ) -> T:
        """`create`, read by `read`: what it finds unreadable is `NoAnswer`, because the entity exists."""
        call = Call(SYSTEM, f"{named(path)}.create", "POST", path, division=self._pinned())
        extra = {"Prefer": "return=representation"} if representation else {}
        return self._send(call, f"{self._api(call.division)}/{path}", lambda data: read(_entity(data)), body, extra)

    def change(self, path: str, key: UUID | str | int, body: bytes | Mapping[str, Any]) -> None:
        """PUT the given properties; the others stay as they are. Exact answers 204 without a body."""
        call = Call(SYSTEM, f"{named(path)}.change", "PUT", path, division=self._pinned())
        self._send(call, f"{self._api(call.division)}/{path}{odata.key(key)}", lambda _: None, body)

    def delete(self, path: str, key: UUID | str | int) -> None:
        call = Call(SYSTEM, f"{named(path)}.delete", "DELETE", path, division=self._pinned())
        self._send(call, f"{self._api(call.division)}/{path}{odata.key(key)}", lambda _: None)

    def _follow(self, call: Call, url: str, read: Callable[[Call, str], _Page[T]]) -> Iterator[_Page[T]]:
        seen = {url}
        while url:
            page = read(call, url)
            yield page
            url = page.following and self._trusted(call, page.following)
            if url in seen:
                raise Unreadable(f"{call.operation}: the pages go round in a circle")
            seen.add(url)
            call = call.again()

    def _page(self, call: Call, url: str) -> _Page[Row]:
        return self._send(call, url, _listed)

    def _written(self, call: Call, url: str) -> _Page[Written]:
        return self._send(call, url, _listed_with_text, decode=listing)

    def _send(
        self,
        call: Call,
        url: str,
        read: Callable[[Any], T],
        body: bytes | Mapping[str, Any] | None = None,
        extra: Mapping[str, str] | None = None,
        *,
        decode: Callable[[bytes], Any] = decode,
    ) -> T:
        content = encode(body) if isinstance(body, Mapping) else body
        headers = {"Accept": "application/json", **(extra or {})}
        if content is not None:
            headers["Content-Type"] = "application/json"

        def judged(answer: Answer) -> T:
            data = answers.content(call, answer, now=self.transport.now(), read=decode)
            try:
                return read(data)
            except Unreadable as problem:
                raise answers.misread(call, problem) from None

        def attempt(once: Call, token: str) -> T:
            signed = {**headers, "Authorization": f"Bearer {token}"}
            return self.transport.send(once, url, headers=signed, read=judged, body=content)

        return with_token(self.tokens, call, attempt)

    def _trusted(self, call: Call, link: str) -> str:
        """The address of the next page as given, if it stays on this site and in this division.

        Anything else would carry the token to another host, or read another administration's books.
        """
        found, own = urlsplit(link), urlsplit(self._api(call.division))
        path = unquote(found.path)
        is_ours = (
            (found.scheme.lower(), found.netloc.lower()) == (own.scheme.lower(), own.netloc.lower())
            and path.lower().startswith(f"{own.path.lower()}/")
            and not {".", ".."} & set(path.split("/"))
            and "\\" not in path
        )
        if not is_ours:
            raise Unreadable(f"{call.operation}: the next page is at an address outside this division")
        return link

    def _api(self, division: int | None = None) -> str:
        root = f"{self.base_url}/api/v1"
        return root if division is None else f"{root}/{division}"

    def _pinned(self) -> int:
        if self.division is None:
            raise ValueError("this client has no division: choose one before reading or writing its books")
        return self.division


def named(path: str) -> str:
    """The word for a path in the request ledger: `SalesEntries`, `bulk.TransactionLines`."""
    service, _, endpoint = path.rpartition("/")
    family = service.split("/")[0]
    return f"{family}.{endpoint}" if family in {"bulk", "sync"} else endpoint


def _listed_with_text(found: tuple[Any, list[str]]) -> _Page[Written]:
    document, texts = found
    page = _listed(document)
    return _Page(tuple(written(page.rows, texts)), page.following)


def _listed(document: Any) -> _Page[Row]:
    """Both list envelopes of OData v2 (`d.results`, and `d` as a bare array under a small `$top`), and that of v4."""
    if not isinstance(document, Mapping):
        raise Unreadable("the answer is not an object")
    inner = document.get("d", document)
    holder: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {}
    rows = inner if isinstance(inner, list) else holder.get("results", document.get("value"))
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Unreadable("the answer holds no list of objects where one was expected")
    following = next((place[key] for place in (holder, document) for key in NEXT if place.get(key)), "")
    if not isinstance(following, str):
        raise Unreadable("the address of the next page is not text")
    return _Page(rows=tuple(rows), following=following)


def _counted(document: Any) -> tuple[int, Row] | None:
    rows = _listed(document).rows
    inner = document.get("d")
    count = str(inner.get("__count", "")) if isinstance(inner, Mapping) else ""
    return (int(count), rows[0]) if rows and count.isascii() and count.isdigit() else None


def _entity(document: Any) -> Row:
    entity = document.get("d") if isinstance(document, Mapping) else None
    if not isinstance(entity, Mapping):
        raise Unreadable("the answer holds no entity where one was expected")
    return entity
