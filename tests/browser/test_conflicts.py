"""A conflict decided by keyboard alone, on any width."""

from __future__ import annotations

from django.contrib.auth.models import User

from mappings.models import CustomerMapping, DebtorAccount
from tests.browser.conftest import DESK, Opens
from tests.pages import NOW
from tests.till import Shop, open_shop


def test_a_conflict_is_decided_without_a_mouse_and_enter_in_a_field_decides_nothing(
    transactional_db: None, opens: Opens
) -> None:
    shop: Shop = open_shop(NOW)
    debtors = [
        DebtorAccount.objects.create(division=shop.division, remote_id=f"zon-{code}", code=code, name="Zon", status="C")
        for code in ("71", "72")
    ]
    row = CustomerMapping.objects.create(
        division=shop.division, merchant=shop.square, square_customer_id="CUST1", square_name="Zon", status="conflict",
        effective_from=NOW.date(), candidates=[{"id": one.remote_id, "agrees": [], "differs": []} for one in debtors],
    )  # fmt: skip
    window = opens(DESK, user=User.objects.create_superuser("anna"))
    window.page.goto(f"/admin/mappings/customermapping/{row.pk}/resolve/")

    radios = window.page.locator("input[name=target]")
    radios.first.focus()
    window.page.keyboard.press("ArrowDown")
    assert radios.nth(1).is_checked()
    window.page.locator("#id_reason").focus()
    window.page.keyboard.type("The newer one.")
    window.page.locator("#id_since").focus()
    window.page.keyboard.press("Enter")
    window.page.wait_for_selector(".errornote:has-text('Press one of the buttons')")
    row.refresh_from_db()
    assert row.status == "conflict"
    assert radios.nth(1).is_checked()
    assert window.page.input_value("#id_reason") == "The newer one."

    window.page.locator("button[value=choose]").focus()
    window.page.keyboard.press("Enter")
    window.page.wait_for_selector("text=anna decided: it goes to 72 Zon")
    row.refresh_from_db()
    assert row.debtor == debtors[1]
    assert [one for one in window.complaints if "422" not in one] == []
