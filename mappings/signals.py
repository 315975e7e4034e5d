"""What apps above may want to know of a mapping. Sent in the transaction that stored the decision.

`mapping_changed(division_id, kinds)`: `kinds` are the problem kinds the decision may have solved, empty for all.
`conventions_changed(division_id)`: what is not booked yet would be booked otherwise now.
`waiting_asked(rows)` and `lanes_asked(division, merchant)`: see `mappings.conflicts.surroundings`, which asks them.
`decision_saved(row)`: a receiver may answer with a sentence, HTML-safe, that the person who saved is shown.
"""

from django.dispatch import Signal

mapping_changed = Signal()
conventions_changed = Signal()
decision_saved = Signal()
waiting_asked = Signal()
lanes_asked = Signal()
