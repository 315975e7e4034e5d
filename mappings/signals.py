"""What apps above may want to know of a mapping. Sent in the transaction that stored the decision.

`mapping_changed(division_id, kinds)`: `kinds` are the problem kinds the decision may have solved, empty for all.
"""

from django.dispatch import Signal

mapping_changed = Signal()
