"""Payment objects and the tenders that mirror them on the order.

Reference: OpenAPI Payment, CardPaymentDetails, ExternalPaymentDetails, Tender; a redeemed gift card is a CARD payment
of brand SQUARE_GIFT_CARD; `tenders[].amount_money` includes the tip.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connections.sandbox.square import times
from connections.sandbox.square.facts import Json
from connections.sandbox.square.ids import Ids
from connections.sandbox.square.specs import TenderSpec

# Our word -> (Payment.source_type, Tender.type).
KINDS = {
    "card": ("CARD", "CARD"),
    "gift_card": ("CARD", "SQUARE_GIFT_CARD"),
    "cash": ("CASH", "CASH"),
    "external": ("EXTERNAL", "OTHER"),
    "house": ("SQUARE_ACCOUNT", "SQUARE_ACCOUNT"),
    "wallet": ("WALLET", "WALLET"),
    "bank": ("BANK_ACCOUNT", "BANK_ACCOUNT"),
    "bnpl": ("BUY_NOW_PAY_LATER", "BUY_NOW_PAY_LATER"),
}
# Payment.status -> CardPaymentDetails.status.
_CARD_STATUS = {"APPROVED": "AUTHORIZED", "COMPLETED": "CAPTURED", "CANCELED": "VOIDED", "FAILED": "FAILED"}
_AUTHORISATION = timedelta(milliseconds=370)
_DELAY = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Sold:
    """What a payment needs to know of its sale."""

    location_id: str
    order_id: str
    currency: str
    customer_id: str
    at: datetime

    def money(self, amount: int) -> Json:
        return {"amount": amount, "currency": self.currency}


def created_at(spec: TenderSpec, at: datetime) -> datetime:
    """A card is authorised a moment before it is captured at `at`."""
    return at - _AUTHORISATION if spec.kind in ("card", "gift_card") else at


def receipt_url(key: str) -> str:
    return f"https://squareup.com/receipt/preview/{key}"


def payment(ids: Ids, spec: TenderSpec, amount: int, sold: Sold) -> Json:
    """The object as Square answers it right after the sale: without a processing fee."""
    key = ids.payment()
    source, _ = KINDS[spec.kind]
    data: Json = {
        "id": key,
        "created_at": times.trimmed(created_at(spec, sold.at)),
        "amount_money": sold.money(amount),
        "total_money": sold.money(amount + spec.tip),
        "status": spec.status,
        "source_type": source,
        "location_id": sold.location_id,
        "order_id": sold.order_id,
        "application_details": {"square_product": spec.product},
    }
    data.update(_details(ids, spec, amount + spec.tip, sold))
    data.update(_optional(spec, amount, sold, key))
    return data


def _optional(spec: TenderSpec, amount: int, sold: Sold, key: str) -> Json:
    """Members that are absent when they have nothing to say."""
    data: Json = {}
    if spec.tip:
        data["tip_money"] = sold.money(spec.tip)
    if spec.app_fee:
        data["app_fee_money"] = sold.money(spec.app_fee)
    if spec.status in ("APPROVED", "COMPLETED"):
        data["approved_money"] = sold.money(amount + spec.tip)
    if spec.status != "CANCELED":
        data["receipt_number"] = key[:4]
    if spec.status == "COMPLETED":
        data["receipt_url"] = receipt_url(key)
    if spec.kind in ("card", "gift_card"):
        until = times.trimmed(created_at(spec, sold.at) + _DELAY)
        data |= {"delay_duration": "PT36H", "delay_action": "CANCEL", "delayed_until": until}
    if spec.offline_at is not None:
        data["is_offline_payment"] = True
        data["offline_payment_details"] = {"client_created_at": times.trimmed(spec.offline_at)}
    texts = {"note": spec.note, "customer_id": spec.customer_id or sold.customer_id}
    return data | {name: value for name, value in texts.items() if value}


def _details(ids: Ids, spec: TenderSpec, total: int, sold: Sold) -> Json:
    if spec.kind in ("card", "gift_card"):
        return {"card_details": _card_details(ids, spec, sold.at)}
    if spec.kind == "cash":
        supplied = -(-total // 500) * 500
        cash = {"buyer_supplied_money": sold.money(supplied), "change_back_money": sold.money(supplied - total)}
        return {"cash_details": cash}
    if spec.kind == "external":
        external: Json = {"type": spec.external_type, "source": spec.external_source}
        if spec.external_fee:
            external["source_fee_money"] = sold.money(spec.external_fee)
        return {"external_details": external}
    others: dict[str, Json] = {
        "house": {"square_account_details": {}},
        "wallet": {"wallet_details": {"status": "CAPTURED", "brand": "CASH_APP"}},
        "bank": {"bank_account_details": {"bank_name": "Example Bank", "transfer_type": "ACH"}},
        "bnpl": {"buy_now_pay_later_details": {"brand": "AFTERPAY"}},
    }
    return others[spec.kind]


def card(ids: Ids, spec: TenderSpec) -> Json:
    brand = "SQUARE_GIFT_CARD" if spec.kind == "gift_card" else spec.card_brand
    data: Json = {"card_brand": brand, "last_4": ids.digits(4), "fingerprint": ids.fingerprint()}
    if brand != "SQUARE_GIFT_CARD":
        data |= {
            "exp_month": 11,
            "exp_year": 2031,
            "card_type": "DEBIT",
            "prepaid_type": "NOT_PREPAID",
            "bin": "411111",
        }
    return data


def _card_details(ids: Ids, spec: TenderSpec, at: datetime) -> Json:
    timeline = {"authorized_at": times.trimmed(created_at(spec, at))}
    if spec.status == "COMPLETED":
        timeline["captured_at"] = times.trimmed(at)
    if spec.status == "CANCELED":
        timeline["voided_at"] = times.trimmed(at)
    return {
        "status": _CARD_STATUS.get(spec.status, "AUTHORIZED"),
        "card": card(ids, spec),
        "entry_method": "CONTACTLESS" if spec.kind == "card" else "KEYED",
        "statement_description": "SQ *TILL",
        "card_payment_timeline": timeline,
    }


def tender(spec: TenderSpec, data: Json, sold: Sold) -> Json:
    """The payment as its order shows it. Tender times have whole seconds."""
    _, kind = KINDS[spec.kind]
    result: Json = {
        "id": data["id"],
        "location_id": sold.location_id,
        "transaction_id": sold.order_id,
        "created_at": times.whole(created_at(spec, sold.at)),
        "amount_money": dict(data["total_money"]),
        "type": "THIRD_PARTY_CARD" if (spec.kind, spec.external_type) == ("external", "CARD") else kind,
        "payment_id": data["id"],
    }
    if spec.tip:
        result["tip_money"] = sold.money(spec.tip)
    if "customer_id" in data:
        result["customer_id"] = data["customer_id"]
    if "note" in data:
        result["note"] = data["note"]
    return result | _tender_details(data)


def _tender_details(data: Json) -> Json:
    if "card_details" in data:
        details = data["card_details"]
        return {"card_details": {name: details[name] for name in ("status", "card", "entry_method")}}
    if "cash_details" in data:
        cash = data["cash_details"]
        supplied = {"buyer_tendered_money": dict(cash["buyer_supplied_money"])}
        return {"cash_details": supplied | {"change_back_money": dict(cash["change_back_money"])}}
    return {}
