"""What others may want to know. Sent after the transaction that stored it has committed.

`tokens_renewed(connection)`: a refresh, not a consent, gave new tokens.
`division_held(division, reason)`, `division_confirmed(division, by)`,
`division_followed(connection, division, former)`: `former` is the code of the division it was before.
"""

from django.dispatch import Signal

tokens_renewed = Signal()
division_held = Signal()
division_confirmed = Signal()
division_followed = Signal()
