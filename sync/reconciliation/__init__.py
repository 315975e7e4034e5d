"""Square against our records against Exact's ledger: per ledger role and day, each difference by its name.

Pure: `kinds`, `figures`, `square*` (what Square's own figures say), `groups` (Square against ours), `books` (what the
ledger holds), `entries` (ours against Exact). With rows and calls: `records`, `reading`, `making`, `months`, `watch`.

A new kind of record is a function in `records.EVENTS`, a new kind of leg a line in `records.GROUPS`. What neither knows
is compared with nothing, and so stands in the result as a difference that nobody can explain.
"""
