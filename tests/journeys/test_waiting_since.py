"""A record waits since it began to wait, however often it is looked at again in between."""

from __future__ import annotations

from connections.sandbox.square import LineSpec
from mappings.models import GLMapping
from sync import actions
from sync.models import SyncItem
from tests.journeys.shop import Till


def test_what_still_waits_after_a_mapping_waits_since_it_began(till: Till) -> None:
    """Two taxes nobody mapped; one of them is mapped two days later."""
    till.world.sandbox.square.add_tax("Tourist tax 13", "13")
    till.world.sandbox.square.add_tax("Deposit levy 4", "4")
    mapped = till.sell(LineSpec("Tour", 1130, tax="Tourist tax 13"))
    other = till.sell(LineSpec("Crate", 1040, tax="Deposit levy 4"))
    till.next_morning()
    began = till.item(other).waiting_since
    assert began is not None

    till.run_after(days=2)
    like = GLMapping.objects.get(role="revenue", tax_rate=21)
    GLMapping.objects.create(
        division=like.division, role="revenue", tax_rate=13, account=like.account, vat_code=like.vat_code,
        effective_from=like.effective_from,
    )  # fmt: skip
    assert actions.release_mapped(like.division_id, ()) == 2
    till.run_after(minutes=20)

    assert till.item(mapped).state == "done"
    assert till.item(mapped).waiting_since is None
    assert (till.item(other).state, till.item(other).waiting_since) == ("waiting", began)
    assert not SyncItem.objects.exclude(state="waiting").exclude(waiting_since=None).exists()
