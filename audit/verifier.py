"""Checks an export of Tillbridge's audit trail without Tillbridge. Needs Python 3.11 or newer and nothing else.

    python verify.py trail.zip [--head HEX] [--key HEX]

Every entry carries a digest: SHA-256 over its values in canonical JSON. Every seal covers the digests of some ids and
is chained: head = SHA-256 over the previous head, the seal's own values and SHA-256 over the digests' first 16 bytes.
So nobody can change, remove, swap or add a sealed entry without changing every head after it, and heads are mailed
out each night. Ends with 0 when everything stands, else with 1 and the first thing that does not.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import sys
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WIDTH = 16  # bytes of a digest that a seal keeps
BEGINNING = "0" * 64  # the head before the first seal
VALUES = (
    "at", "actor", "trigger", "verb", "subject_type", "subject_id", "subject", "source", "division", "lane", "run",
    "request_id", "detail",
)  # fmt: skip
STARTS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Bad(Exception):
    """The first thing that does not stand."""


def digest_of(values: Sequence[Any]) -> str:
    """Of an entry's values in the order of `VALUES`; `at` as ISO 8601 in UTC, `detail` as it was read from JSON."""
    return hashlib.sha256(_canonical(values).encode()).hexdigest()


def head_of(previous: str, number: int, times: Sequence[str], spans: Sequence[tuple[int, int]], digests: bytes) -> str:
    """`times`: sealed, and the earliest and latest the entries tell, as ISO 8601 in UTC. Spans by their first id."""
    covered = [len(digests) // WIDTH, " ".join(f"{first}-{last}" for first, last in spans)]
    return digest_of([previous, number, *times, *covered, hashlib.sha256(digests).hexdigest()])


def restored(cell: str) -> str:
    """The text without the apostrophe that keeps a spreadsheet from running it."""
    first = cell[1:].lstrip(" \"'")[:1]
    return cell[1:] if cell.startswith("'") and first and first in STARTS_A_FORMULA else cell


READERS: dict[str, Any] = {"at": str, "detail": json.loads}  # all others are `restored`
READERS |= dict.fromkeys(("subject_id", "division", "lane", "run"), lambda cell: int(cell) if cell else None)


class Chain:
    """The seals of an export: where an id stands in them. Holds 16 bytes an entry, however long the entries are."""

    def __init__(self, rows: Iterator[Mapping[str, str]], previous: str) -> None:
        self.heads, self.digests = [previous], bytearray()
        self.spans: list[tuple[int, int, int]] = []  # first id, last id, place of the first among the digests
        self.seals: list[tuple[int, str, str, list[tuple[int, int, int]]]] = []
        for row in rows:
            key, digests, place, placed = int(row["number"]), base64.b64decode(row["digests"]), len(self.digests), []
            if self.seals and key != (due := self.seals[-1][0] + 1):
                raise Bad(f"seal {due} is missing")
            spans = [(int(first), int(last)) for first, last in (span.split("-") for span in row["spans"].split())]
            if (
                head_of(self.heads[-1], key, [row["sealed_at"], row["first_at"], row["last_at"]], spans, digests)
                != row["head"]
            ):
                raise Bad(f"seal {key}: it was changed, or a seal before it")
            for first, last in spans:
                placed.append((first, last, place // WIDTH))
                place += (last - first + 1) * WIDTH
            self.heads.append(row["head"])
            self.spans += placed
            self.digests += digests
            self.seals.append((key, row["first_at"], row["last_at"], placed))
        self.spans.sort()
        self.firsts = [first for first, _, _ in self.spans]
        self.seen = bytearray(len(self.digests) // WIDTH)

    def holds(self, key: int, digest: str) -> bool:
        """Whether the id is sealed. Raises `Bad` when it was sealed with another digest."""
        at = bisect_right(self.firsts, key) - 1
        if at < 0 or key > self.spans[at][1]:
            return False
        place = self.spans[at][2] + key - self.spans[at][0]
        if self.digests[place * WIDTH : (place + 1) * WIDTH].hex() != digest[: WIDTH * 2]:
            raise Bad(f"entry {key}: another fact was sealed under this id")
        self.seen[place] = 1
        return True

    def require_complete(self, since: str, until: str) -> None:
        """Every id of a seal that lies wholly within the period must have come."""
        for number, first_at, last_at, spans in self.seals:
            is_within = (not since or first_at >= since) and (not until or last_at < until)
            for first, last, place in spans if is_within else ():
                if (gap := self.seen.find(0, place, place + last - first + 1)) >= 0:
                    raise Bad(f"entry {first + gap - place}: it was sealed (seal {number}) and is missing")


def check(file: Any, head: str = "", key: str = "") -> dict[str, Any]:
    """Check a whole export. Returns its manifest with `checked` entries and `unsealed` ones. Raises `Bad`."""
    csv.field_size_limit(2**31 - 1)
    with zipfile.ZipFile(file) as bundle:
        manifest: dict[str, Any] = json.loads(text := bundle.read("manifest.json"))
        signature = bundle.read("signature.txt").decode() if "signature.txt" in bundle.namelist() else ""
        if (key or signature) and not signed(text, signature, key or manifest["key"]):
            raise Bad("signature.txt: the manifest was not signed with this key")
        chain = Chain(_rows(bundle, "seals.csv"), manifest["previous_head"])
        if head and head not in chain.heads:
            raise Bad(f"head {head}: the chain of this export does not pass through it")
        found = _entries(_rows(bundle, "entries.csv"), chain)
        if not manifest["filter"]:
            chain.require_complete(*manifest["period"])
        for name, known in manifest["sha256"].items():
            with bundle.open(name) as raw:
                if hashlib.file_digest(raw, "sha256").hexdigest() != known:  # type: ignore[arg-type]  # it reads
                    raise Bad(f"{name}: it is not the file of which manifest.json tells")
    if (found["checked"], chain.heads[-1]) != (manifest["entries"], manifest["head"]):
        raise Bad("manifest.json: it tells of other entries or seals")
    return {**manifest, **found}


def _entries(rows: Iterator[Mapping[str, str]], chain: Chain) -> dict[str, int]:
    checked = unsealed = key = 0
    for row in rows:
        before, key = key, int(row["id"])
        if key <= before:
            raise Bad(f"entry {key}: it stands after entry {before}")
        if digest_of([READERS.get(name, restored)(row[name]) for name in VALUES]) != row["digest"]:
            raise Bad(f"entry {key}: its values do not give its digest")
        unsealed += not chain.holds(key, row["digest"])
        checked += 1
    return {"checked": checked, "unsealed": unsealed}


def _rows(bundle: zipfile.ZipFile, name: str) -> Iterator[Mapping[str, str]]:
    yield from csv.DictReader(io.TextIOWrapper(bundle.open(name), "utf-8", newline=""))


# Ed25519 on its curve -x^2 + y^2 = 1 + D x^2 y^2 over the integers modulo P. Reference: RFC 8032, section 5.1.
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (a, b), (c, d) = one, other
    product = D * a * b * c * d % P
    return (a * d + b * c) * pow(1 + product, -1, P) % P, (b * d + a * c) * pow(1 - product, -1, P) % P


def _times(factor: int, point: tuple[int, int]) -> tuple[int, int]:
    found = (0, 1)
    for bit in f"{factor:b}":
        found = _sum(_sum(found, found), point) if bit == "1" else _sum(found, found)
    return found


def _point(encoded: bytes) -> tuple[int, int]:
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        raise Bad("signature.txt: it holds no signature, or the key is none")
    return (P - x if x & 1 != encoded[31] >> 7 else x), y


def signed(message: bytes, signature: str, key: str) -> bool:
    """Whether the Ed25519 signature (hex) over the message was made with the public key (hex)."""
    sign, public = bytes.fromhex(signature).ljust(64), bytes.fromhex(key).ljust(32)
    s, base = int.from_bytes(sign[32:], "little"), _point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    challenge = int.from_bytes(hashlib.sha512(sign[:32] + public + message).digest(), "little") % ORDER
    return s < ORDER and _times(s, base) == _sum(_point(sign[:32]), _times(challenge, _point(public)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Checks an export of Tillbridge's audit trail.")
    parser.add_argument("file")
    parser.add_argument("--head", default="", help="a head you were told before, which the chain must pass through")
    parser.add_argument("--key", default="", help="the public key the file must be signed with")
    try:
        found = check(**vars(parser.parse_args()))
    except (Bad, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as bad:
        sys.exit(f"DOES NOT STAND: {bad if isinstance(bad, Bad) else f'cannot be read ({bad!r})'}")
    print(f"Everything stands: {found['checked']:,} entries ({found['unsealed']:,} not sealed), head {found['head']}.")


if __name__ == "__main__":
    main()
