"""Actions of `/_sandbox/square/<action>`: what a person or a test in another process can make happen at the seller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connections.sandbox.square.placing import FulfilmentSpec
from connections.sandbox.square.specs import LineSpec, TenderSpec

if TYPE_CHECKING:
    from connections.sandbox.square.sandbox import SquareSandbox

Arguments = dict[str, Any]


def _needed(arguments: Arguments, name: str) -> Any:
    if name not in arguments:
        raise ValueError(f"{name} is missing.")
    return arguments.pop(name)


def _at(arguments: Arguments) -> datetime | None:
    text = arguments.pop("at", None)
    return datetime.fromisoformat(text) if text else None


def _built(kind: type[Any], values: Arguments) -> Any:
    try:
        return kind(**values)
    except TypeError as problem:
        raise ValueError(str(problem)) from None


def _called(verb: Callable[..., object], *given: Any, **named: Any) -> object:
    try:
        return verb(*given, **named)
    except TypeError as problem:
        raise ValueError(str(problem)) from None


def _lines(arguments: Arguments) -> list[Any]:
    return [_built(LineSpec, line) for line in _needed(arguments, "lines")]


def _tenders(arguments: Arguments) -> list[Any]:
    return [_built(TenderSpec, tender) for tender in arguments.pop("tenders", [{}])]


def _add_location(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"name", "timezone"?, "currency"?, ...}`: the arguments of `SquareSandbox.add_location`."""
    return _called(square.add_location, _needed(arguments, "name"), **arguments)


def _sell(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"location", "lines": [{"name", "gross", "tax"}], "tenders": [{"kind"}], "at"?, "customer_id"?}`."""
    lines, tenders, customer = _lines(arguments), _tenders(arguments), arguments.pop("customer_id", "")
    sale = square.sell(_needed(arguments, "location"), _at(arguments), lines, tenders, customer_id=customer)
    return {"order": sale.order, "payments": list(sale.payments)}


def _place_order(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"location", "lines", "at"?, "fulfilment": {"kind"?, "due"?}?, "customer_id"?}`: open, and not paid."""
    lines, wanted = _lines(arguments), arguments.pop("fulfilment", {})
    due = wanted.pop("due", None)
    spec = _built(FulfilmentSpec, {**wanted, "due": datetime.fromisoformat(due) if due else None})
    customer = arguments.pop("customer_id", "")
    return square.place_order(
        _needed(arguments, "location"), lines, at=_at(arguments), fulfilment=spec, customer_id=customer
    )


def _change_order_lines(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"order_id", "lines", "at"?}`: what an open order holds instead."""
    return square.change_order_lines(_needed(arguments, "order_id"), _lines(arguments), at=_at(arguments))


def _cancel_order(square: SquareSandbox, arguments: Arguments) -> object:
    return square.cancel_order(_needed(arguments, "order_id"), at=_at(arguments))


def _pay(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"order_id", "tenders"?, "complete"?, "at"?}`: a later payment on an open order."""
    tenders, complete = _tenders(arguments), bool(arguments.pop("complete", True))
    sale = square.pay(_needed(arguments, "order_id"), tenders, at=_at(arguments), complete=complete)
    return {"order": sale.order, "payments": list(sale.payments)}


def _add_fee(square: SquareSandbox, arguments: Arguments) -> object:
    return square.add_fee(_needed(arguments, "payment_id"), _needed(arguments, "amount"), at=_at(arguments))


def _refund(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"payment_id", "amount"?, "items"?, "at"?, ...}`: the arguments of `SquareSandbox.refund`."""
    return _called(square.refund, _needed(arguments, "payment_id"), at=_at(arguments), **arguments)


def _settle_refund(square: SquareSandbox, arguments: Arguments) -> object:
    return square.settle_refund(_needed(arguments, "refund_id"), _needed(arguments, "status"), at=_at(arguments))


def _pay_out(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"location", "at"?, "until"?}`; answers the payout, or null."""
    until = arguments.pop("until", None)
    end = datetime.fromisoformat(until) if until else None
    return square.pay_out(_needed(arguments, "location"), at=_at(arguments), until=end)


def _settle_payout(square: SquareSandbox, arguments: Arguments) -> object:
    return square.settle_payout(_needed(arguments, "payout_id"), _needed(arguments, "status"), at=_at(arguments))


def _add_payout_entry(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"type", "amount", "location"?, "at"?, "fee"?, "payment_id"?, ...}`."""
    kind, amount = _needed(arguments, "type"), _needed(arguments, "amount")
    _called(square.add_payout_entry, kind, amount, at=_at(arguments), **arguments)
    return {}


def _balance(square: SquareSandbox, arguments: Arguments) -> object:
    return {"amount": square.balance(_needed(arguments, "location"), at=_at(arguments))}


def _show_lines(square: SquareSandbox, arguments: Arguments) -> object:
    return square.show_lines(_needed(arguments, "order_id"), at=_at(arguments))


def _change_payment(square: SquareSandbox, arguments: Arguments) -> object:
    return square.change_payment(_needed(arguments, "payment_id"), at=_at(arguments), **arguments)


def _change_order(square: SquareSandbox, arguments: Arguments) -> object:
    return square.change_order(_needed(arguments, "order_id"), at=_at(arguments), **arguments)


def _merge_customers(square: SquareSandbox, arguments: Arguments) -> object:
    return square.merge_customers(_needed(arguments, "first"), _needed(arguments, "second"), at=_at(arguments))


def _add_customer(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"creation_source"?, "at"?, "company_name"?, ...}`: members of a Customer."""
    return square.add_customer(at=_at(arguments), **arguments)


def _change_customer(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"customer_id", "at"?, ...}`: members of a Customer; null clears."""
    return _called(square.change_customer, _needed(arguments, "customer_id"), at=_at(arguments), **arguments)


def _remove_customer(square: SquareSandbox, arguments: Arguments) -> object:
    square.remove_customer(_needed(arguments, "customer_id"))
    return {}


def _settings(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"fee_delay"?, "listing_lag"?}` in seconds, `{"gross_settlement"?, "payout_currency_code"?}` true or false;
    answers what holds now."""
    for name in ("fee_delay", "listing_lag"):
        setattr(square, name, float(arguments.get(name, getattr(square, name))))
    for name in ("gross_settlement", "payout_currency_code"):
        setattr(square, name, bool(arguments.get(name, getattr(square, name))))
    names = ("fee_delay", "listing_lag", "gross_settlement", "payout_currency_code")
    return {name: getattr(square, name) for name in names}


def _state(square: SquareSandbox, _arguments: Arguments) -> object:
    state = square.state
    counts = {"payments": len(state.payments), "orders": len(state.orders), "refunds": len(state.refunds)}
    counts |= {"payouts": len(state.payouts), "disputes": len(state.disputes), "invoices": len(state.invoices)}
    return {**counts, "customers": len(state.customers), "locations": list(state.locations.values())}


def _revoke(square: SquareSandbox, arguments: Arguments) -> object:
    square.revoke(_needed(arguments, "client_id"))
    return {}


def _hide(square: SquareSandbox, arguments: Arguments) -> object:
    """`{"ids": [...]}`: lists leave them out."""
    square.hide(*_needed(arguments, "ids"))
    return sorted(square.state.hidden)


def _show(square: SquareSandbox, arguments: Arguments) -> object:
    square.show(*_needed(arguments, "ids"))
    return sorted(square.state.hidden)


def _personal_token(square: SquareSandbox, arguments: Arguments) -> object:
    return {"personal_access_token": square.personal_token(_needed(arguments, "client_id"))}


ACTIONS: dict[str, Callable[[SquareSandbox, Arguments], object]] = {
    "add_location": _add_location,
    "sell": _sell,
    "place_order": _place_order,
    "change_order_lines": _change_order_lines,
    "cancel_order": _cancel_order,
    "pay": _pay,
    "add_fee": _add_fee,
    "refund": _refund,
    "settle_refund": _settle_refund,
    "pay_out": _pay_out,
    "settle_payout": _settle_payout,
    "add_payout_entry": _add_payout_entry,
    "balance": _balance,
    "show_lines": _show_lines,
    "change_payment": _change_payment,
    "change_order": _change_order,
    "merge_customers": _merge_customers,
    "add_customer": _add_customer,
    "change_customer": _change_customer,
    "remove_customer": _remove_customer,
    "settings": _settings,
    "state": _state,
    "revoke": _revoke,
    "hide": _hide,
    "show": _show,
    "personal_token": _personal_token,
}
