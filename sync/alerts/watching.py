"""One alert per crossing and one word when it is over, whoever looks and however often."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from audit import trail
from audit.trail import Fact
from sync.alerts import conditions
from sync.alerts.kinds import Condition
from sync.models.alerts import Alert, AlertChannel, AlertMessage

# A figure that swings around its limit is one alert: it is over once it has kept below for so long.
CALM = timedelta(minutes=15)


def look(now: datetime) -> list[Alert]:
    """Open what is newly crossed, end what has been calm long enough. Returns what was opened or ended."""
    crossed = {(one.kind.value, one.subject): one for one in conditions.found(now)}
    moved = []
    for alert in Alert.objects.filter(recovered_at=None):
        one = crossed.pop((alert.kind, alert.subject), None)
        if one:
            _still(alert, one)
        elif _calmer(alert, now):
            moved.append(alert)
    return [*moved, *(opened for one in crossed.values() if (opened := _open(one, now)))]


def _open(one: Condition, now: datetime) -> Alert | None:
    """None when another worker has seen it first."""
    alert = Alert(
        kind=one.kind.value, subject=one.subject, title=one.title[:200], sentence=one.sentence, page=one.page[:300],
        opened_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            alert.save(force_insert=True)
            _tell([alert], now, is_recovery=False)
            trail.record([_fact("alert.opened", alert)], at=now)
    except IntegrityError:
        return None
    return alert


def _still(alert: Alert, one: Condition) -> None:
    """The sentence follows the figures; nobody is told again."""
    Alert.objects.filter(pk=alert.pk, recovered_at=None).update(sentence=one.sentence, calm_since=None)


def _calmer(alert: Alert, now: datetime) -> bool:
    """Whether it is over now."""
    if alert.calm_since is None:
        Alert.objects.filter(pk=alert.pk, calm_since=None, recovered_at=None).update(calm_since=now)
        return False
    if now - alert.calm_since < CALM:
        return False
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, recovered_at=None).update(recovered_at=now):
            return False
        _tell([alert], now, is_recovery=True)
        trail.record([_fact("alert.recovered", alert)], at=now)
    return True


def _tell(alerts: Iterable[Alert], now: datetime, *, is_recovery: bool) -> None:
    channels = list(AlertChannel.objects.filter(is_on=True))
    AlertMessage.objects.bulk_create(
        AlertMessage(alert=alert, channel=channel, is_recovery=is_recovery, due_at=now)
        for alert in alerts
        for channel in channels
        if channel.takes(alert.kind)
    )


def _fact(verb: str, alert: Alert) -> Fact:
    return Fact(verb, "alert", alert.pk, alert.title, detail={"kind": alert.kind, "sentence": alert.sentence})
