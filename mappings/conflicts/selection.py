"""The same decisions about a selection of the list: a page shows what each row would get, and nothing else is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from audit.adminkit import ConfirmedAction, Outcome
from mappings import accepting, profiles, soundness
from mappings.bookkeeping.validation import unusable
from mappings.conflicts import deciding, sharing
from mappings.conflicts.deciding import TARGETS, UNSETTLED, Refused, Verb, Wish
from mappings.models import CustomerMapping, DebtorAccount, GLMapping, ItemMapping

# How many rows a page lists one by one.
SHOWN = 50
NAMED = 20
STAYS = "stays as it is"
REVERSIBLE = "A later decision takes it back; what was booked by then is corrected by a plan."
Targets = dict[tuple[int, str], Any]


def _best(rows: Sequence[Any]) -> Targets:
    """The Exact rows of the best candidates, in one statement: (division, GUID) -> row."""
    if not rows:
        return {}
    wanted = {row.candidates[0]["id"] for row in rows if row.candidates}
    model = rows[0]._meta.get_field(TARGETS[type(rows[0])]).related_model
    found = model._default_manager.filter(remote_id__in=wanted, division__in={row.division_id for row in rows})
    return {(one.division_id, one.remote_id): one for one in found.select_related("division")}


def _target(row: Any, targets: Targets) -> Any:
    """Raises `Refused`: the sentence is the same on the page that asks and after the deed."""
    if row.status not in accepting.OPEN:
        raise Refused(deciding.settled(row))
    if not row.candidates:
        raise Refused("Nothing in Exact resembles it: there is no candidate.")
    first, *others = (candidate.get("score", 0) for candidate in row.candidates)
    if others and others[0] == first:
        raise Refused("Two candidates are equally likely; choose on its page.")
    found = targets.get((row.division_id, row.candidates[0]["id"]))
    if found is None:
        raise Refused(f"{row.candidates[0]['code']} {row.candidates[0]['name']} is no longer known.")
    wrong = soundness.debtor_trouble(found) if isinstance(found, DebtorAccount) else unusable(found)
    if wrong:
        raise Refused(f"{found} {wrong} in Exact.")
    return found


def _wish(row: Any, verb: Verb, targets: Targets, *, by: str, reason: str) -> Wish:
    if row.status not in UNSETTLED:
        raise Refused(deciding.settled(row))
    if verb is Verb.CREATE and isinstance(row, CustomerMapping) and not profiles.name(row.square_profile):
        raise Refused("Square tells no name of this customer, and an account in Exact needs one.")
    return Wish(verb, by, reason, _target(row, targets) if verb is Verb.CHOOSE else None)


def _rows(rows: QuerySet[Any]) -> list[Any]:
    return list(rows.select_related("division", TARGETS[rows.model]))


def _preview(verb: Verb) -> Callable[[QuerySet[Any]], Sequence[tuple[str, Any]]]:
    def preview(chosen: QuerySet[Any]) -> Sequence[tuple[str, Any]]:
        rows = _rows(chosen)
        targets = _best(rows) if verb is Verb.CHOOSE else {}
        told, refused = [], 0
        for row in rows:
            try:
                told.append((str(row), _would_be(row, _wish(row, verb, targets, by="", reason=""))))
            except Refused as why:
                refused += 1
                told.append((str(row), f"{STAYS}: {why}"))
        counts = [("would be decided", len(rows) - refused), ("would stay as they are", refused)]
        more = [("and more", f"{len(told) - SHOWN}, not listed here")] if len(told) > SHOWN else []
        return [*counts, *told[:SHOWN], *more, *_shared(rows, targets)]

    return preview


def _would_be(row: Any, wish: Wish) -> str:
    if wish.verb is Verb.CREATE:
        return "an account of its own in Exact, once a worker has looked for doubles"
    if wish.target is None:
        return {CustomerMapping: "the collective debtor of its lane", ItemMapping: "the lane's item for the rest"}.get(
            type(row), "no account: the proposal is not used"
        )
    best = row.candidates[0]
    sure = f", {best['percent']} %" if best.get("percent") is not None else ""
    because = f": {', '.join(best['agrees'])}" if best.get("agrees") else ""
    return f"{wish.target}{sure}{because}"


def _shared(rows: Sequence[Any], targets: Targets) -> list[tuple[str, str]]:
    """Several customers that would come to stand on one account."""
    if not rows or not isinstance(rows[0], CustomerMapping):
        return []
    on: dict[str, list[CustomerMapping]] = {}
    for row in rows:
        found = targets.get((row.division_id, row.candidates[0]["id"])) if row.candidates else None
        if found is not None and row.status in accepting.OPEN:
            on.setdefault(str(found), []).append(row)
    return [
        ("take care", f"{sharing.named(several)} would share the debtor {debtor}: one balance, one reminder")
        for debtor, several in on.items()
        if len(several) > 1
    ]


def _run(verb: Verb) -> Callable[[HttpRequest, QuerySet[Any], str], Outcome]:
    def run(request: HttpRequest, chosen: QuerySet[Any], reason: str) -> Outcome:
        rows = _rows(chosen)
        targets = _best(rows) if verb is Verb.CHOOSE else {}
        by, pairs, skipped = request.user.get_username(), [], []
        for row in rows:
            try:
                pairs.append((row, _wish(row, verb, targets, by=by, reason=reason)))
            except Refused as why:
                skipped.append((str(row), str(why)))
        done, refused = deciding.decide_each(pairs)
        waits = [(f"{done.proposed} of them", accepting.PROPOSED)] if done.proposed else []
        return Outcome(done=done.decided, skipped=[*skipped, *refused, *waits])

    return run


def _action(model: type[Any], verb: Verb, label: str, explains: str, done: str) -> ConfirmedAction:
    return ConfirmedAction(
        name=f"resolve-{verb}", label=label, explains=explains, done=done, reversible=REVERSIBLE, asks_reason=True,
        permission=f"mappings.resolve_{model._meta.model_name}", run=_run(verb), preview=_preview(verb),
        on_page=False, named=NAMED, binds_preview=True,
    )  # fmt: skip


def actions(model: type[Any]) -> tuple[ConfirmedAction, ...]:
    """For the list of a mapping."""
    best = _action(
        model, Verb.CHOOSE, "Choose the best candidate",
        "Each gets its best candidate, whatever its score. Read the list: it says how sure each is, and which would "
        "stay because two are equally likely or none can be used.", "decided",
    )  # fmt: skip
    return (best, *MORE[model])


MORE: dict[type[Any], tuple[ConfirmedAction, ...]] = {
    CustomerMapping: (
        _action(
            CustomerMapping, Verb.COLLECTIVE, "Use the collective debtor",
            "None of these gets an account of its own: their sales are booked on the collective debtor of the lane.",
            "on the collective debtor",
        ),
        _action(
            CustomerMapping, Verb.CREATE, "Create in Exact",
            "A worker makes an account of Square's data for each, after it has looked once more whether there is one. "
            "Until then their records wait. It takes a lane of the kind customers that is switched on.",
            "to be created in Exact",
        ),
    ),
    ItemMapping: (
        _action(
            ItemMapping, Verb.IGNORE, "Ignore the articles",
            "Orders name the lane's item for the rest instead of these, with the article's name.", "ignored",
        ),
    ),
    GLMapping: (
        _action(
            GLMapping, Verb.IGNORE, "Ignore the proposals",
            "These proposals are kept and not used. What waits goes on waiting until another rule gives its account.",
            "ignored",
        ),
    ),
}  # fmt: skip
