"""Messages on their way: claimed by one worker, tried again later when they fail, given up after a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage

from connections import clock, outgoing
from connections.fields import DecryptionFailed, Secret
from connections.outgoing import NotSent
from sync.models.alerts import AlertChannel, AlertMessage

# After each failure twice as long, from a minute; eleven of them are given up after more than a day.
FIRST_PAUSE, ATTEMPTS = timedelta(minutes=1), 11
# A worker that died while sending: somebody else takes over after this.
CLAIM = timedelta(minutes=2)
AT_ONCE = 50


def send_due(now: datetime) -> int:
    """Send what is due. Returns how many left."""
    due = AlertMessage.objects.filter(state=AlertMessage.State.WAITING, due_at__lte=now)
    return sum(_send(message) for message in due.select_related("alert", "channel")[:AT_ONCE])


def _send(message: AlertMessage) -> bool:
    if not _claim(message):
        return False
    try:
        deliver(message.channel, subject=_subject(message), body=_body(message))
    except NotSent as failure:
        _failed(message, str(failure))
        return False
    AlertMessage.objects.filter(pk=message.pk).update(
        state=AlertMessage.State.SENT, sent_at=clock.now(), failure="", due_at=clock.now()
    )
    return True


def _claim(message: AlertMessage) -> bool:
    """Whether this worker sends it: of two, one changes the row."""
    waiting = AlertMessage.objects.filter(
        pk=message.pk, state=AlertMessage.State.WAITING, attempts=message.attempts, due_at=message.due_at
    )
    message.attempts += 1
    return waiting.update(attempts=message.attempts, due_at=clock.now() + CLAIM) == 1


def _failed(message: AlertMessage, why: str) -> None:
    is_over = message.attempts >= ATTEMPTS
    pause = FIRST_PAUSE * 2 ** (message.attempts - 1)
    AlertMessage.objects.filter(pk=message.pk).update(
        state=AlertMessage.State.FAILED if is_over else AlertMessage.State.WAITING,
        due_at=clock.now() + pause,
        failure=why[:300],
    )


def _subject(message: AlertMessage) -> str:
    return f"{'Over: ' if message.is_recovery else ''}{message.alert.title}"


def _body(message: AlertMessage) -> str:
    alert = message.alert
    link = f"{settings.PUBLIC_URL}{alert.page}" if alert.page else f"{settings.PUBLIC_URL}/admin/"
    if message.is_recovery:
        return f"This is over. It began on {alert.opened_at:%-d %B %Y at %H:%M} UTC.\n\n{link}"
    return f"{alert.sentence}\n\n{link}"


def deliver(channel: AlertChannel, *, subject: str, body: str) -> None:
    """Raises `NotSent` with a sentence."""
    if channel.way == AlertChannel.Way.MAIL:
        _mail(channel, subject, body)
    else:
        outgoing.post_json(_url(channel), {"text": slack_text(f"{subject}\n{body}")})


def _mail(channel: AlertChannel, subject: str, body: str) -> None:
    """Each address by itself: nobody sees who else is told."""
    message = EmailMessage(
        f"[Tillbridge] {' '.join(subject.split())}"[:200], body, to=[settings.DEFAULT_FROM_EMAIL],
        bcc=channel.addresses.split(),
    )  # fmt: skip
    try:
        message.send()
    except (SMTPException, OSError) as error:
        raise NotSent(f"The mail server did not take it ({type(error).__name__}).") from error


def _url(channel: AlertChannel) -> str:
    if not isinstance(channel.url, Secret):
        raise NotSent("The channel has no address.")
    try:
        return channel.url.open()
    except DecryptionFailed as error:
        raise NotSent(str(error)) from error


def slack_text(text: str) -> str:
    """Slack reads &, < and > as its own signs.
    Reference: Slack, "Formatting text for app surfaces", escaping.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_message(now: datetime) -> tuple[str, str]:
    """Subject and body of a test."""
    return "A test of this channel", f"Alerts of Tillbridge reach you here. Sent {now:%-d %B %Y, %H:%M} UTC."
