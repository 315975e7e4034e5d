"""The nightly mail: the head of the audit trail, so that it stands outside of this database too, and what waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from audit import context, seals, trail
from audit.models import AuditEntry, AuditVerification
from audit.trail import Fact
from connections import clock
from sync import health
from sync.health import Cause
from sync.models import Beat

BEAT = "summary"
# A night is not over before this; a second task of the same night mails nothing.
NIGHT = timedelta(hours=20)
MOST = 10


def send() -> bool:
    """Mail it to those in `SUMMARY_MAIL_TO`; returns whether it went out. Once a night, also when asked twice.

    What the mail server says is kept in the trail: a mail that did not go out is not tried again, the next night's is.
    """
    now = clock.now()
    if not settings.SUMMARY_MAIL_TO or not _claimed(now):
        return False
    seals.seal(now=now, everywhere=True)
    subject, text = written(now)
    # Each address by itself: nobody sees who else is told.
    mail = EmailMessage(subject, text, to=[settings.DEFAULT_FROM_EMAIL], bcc=settings.SUMMARY_MAIL_TO)
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        _tell("audit.summary_failed", {"problem": f"The mail server did not take it ({type(error).__name__})."}, at=now)
        return False
    _tell("audit.summary_sent", {"to": len(settings.SUMMARY_MAIL_TO), "head": seals.head().head}, at=now)
    return True


def _claimed(now: datetime) -> bool:
    """Whether this night's is ours to send: one of two takes it."""
    Beat.objects.get_or_create(name=BEAT, defaults={"at": now - 2 * NIGHT})
    return Beat.objects.filter(name=BEAT, at__lte=now - NIGHT).update(at=now) == 1


def written(now: datetime) -> tuple[str, str]:
    """Subject and text. No names, no amounts per person: a mail is read by whoever passes it on."""
    causes = [cause for cause in health.causes() if cause.needs_a_person]
    waiting = sum(cause.count for cause in causes)
    subject = f"Tillbridge, {timezone.localtime(now):%d-%m-%Y}: {_counted(waiting, 'record')} waiting for a person"
    return subject, "\n".join(
        [*_proof(now), "", *_waits(causes, now), "", f"{settings.PUBLIC_URL}{reverse('admin:index')}"]
    )


def _proof(now: datetime) -> Iterator[str]:
    end = seals.head()
    facts = AuditEntry.objects.filter(at__gt=now - timedelta(days=1)).count()
    yield f"Audit trail: {_counted(facts, 'fact')} in the last 24 hours, {end.sealed:,} sealed in all."
    yield f"Seal {end.number}, head"
    yield end.head
    yield "Keep this mail. `manage.py audit verify --head` and the verifier in each export take the head as proof that"
    yield "nothing sealed before tonight was changed or removed since."
    look = AuditVerification.objects.exclude(ended_at=None).first()
    if look and look.ended_at:
        verdict = look.finding or f"all {look.entries:,} entries stood"
        yield f"Last verified {timezone.localtime(look.ended_at):%d-%m-%Y %H:%M}: {verdict}"


def _waits(causes: Sequence[Cause], now: datetime) -> Iterator[str]:
    """What needs somebody, most first."""
    if not causes:
        yield "No record waits for a person."
    for cause in causes[:MOST]:
        yield f"- {_counted(cause.count, 'record')}: {cause.kind.value.replace('_', ' ')}"
    if len(causes) > MOST:
        yield f"- and {_counted(len(causes) - MOST, 'other cause')}"
    for doubt in health.doubts():
        yield f"- {doubt.count:,} {'entry' if doubt.count == 1 else 'entries'}: {doubt.state.value}"
    if plans := health.plans_to_approve():
        yield f"- {_counted(plans, 'plan')} to approve"
    if broken := health.connections(now).count():
        yield f"- {_counted(broken, 'connection')} that need somebody"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _tell(verb: str, detail: dict[str, object], *, at: datetime) -> None:
    with context.acting(trigger="schedule"), transaction.atomic():
        trail.record([Fact(verb, "audit", detail=detail)], at=at)
