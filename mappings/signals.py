"""What apps above may want to know of a mapping. Sent in the transaction that stored the decision.

`mapping_changed(division_id, kinds)`: `kinds` are the problem kinds the decision may have solved, empty for all.
`conventions_changed(division_id)`: what is not booked yet would be booked otherwise now.
`waiting_asked(rows)` and `lanes_asked(division, merchant)`: see `mappings.conflicts.surroundings`, which asks them.
`decision_saved(row)`: a receiver may answer with a sentence, HTML-safe, that the person who saved is shown.
"""

from collections.abc import Iterator
from typing import Any

from django.dispatch import Signal

mapping_changed = Signal()
conventions_changed = Signal()
decision_saved = Signal()
waiting_asked = Signal()
lanes_asked = Signal()


def told_of(row: Any) -> Iterator[str]:
    """What those who heard of a saved decision have to say to the person who saved it."""
    for _, told in decision_saved.send(sender=type(row), row=row):
        if told:
            yield told
