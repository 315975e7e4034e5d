"""Where the sources disagree about Exact (section 13 of the reference), the sandbox has a switch.

The defaults are the reference's suggestions. Two rows need none: sales invoices are not imitated, and the case of a
webhook's action is title-case.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Switches:
    used_refresh_status: int = 401  # or 400
    dates_in_utc: bool = False  # else the site's wall clock
    receivable_sign: int = -1  # of an open sale in cashflow/Receivables.AmountDC
    general_amount_dc: bool = False  # AmountDC on general journal lines counts; else it is ignored
    general_journal_type: int = 90  # or 80
    auto_match: str = "off"  # or "exact": OurRef, account and amount fit
    post_status: int = 201  # or 200
    bare_arrays: bool = True
    balances_required: bool = False  # else validated when sent
    your_ref_length: int = 50
    error_block_status: int = 429  # or 403
    basic_auth: bool = True  # client credentials in a Basic header are accepted too
    refused_topics: tuple[str, ...] = ()  # of webhooks; nobody lists them, and some names are guesses
    one_chain_per_user: bool = True  # a new consent of the same user ends the earlier token chain
    # No question about Exact: how many pages of a list are kept as they were answered, for as long as no row of it
    # changes. For measurements, in which the time this sandbox takes is not what is measured.
    pages_kept: int = 0
