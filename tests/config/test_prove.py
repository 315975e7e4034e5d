"""The judge of `manage.py prove`: what is wrong is seen, and seen as what it is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.models import AuditEntry
from connections import clients
from connections.providers.exact import documents, resources
from sync.models import Posting
from tests.audit.intruder import tamper
from tests.crashing import shop, work_once, wrongs


@pytest.fixture
def world(db):
    with shop() as made:
        work_once(made)
        yield made


def kinds(found):
    return {sentence.partition(":")[0] for sentence in found}


def sales_entry():
    return Posting.objects.get(document="sales_entry")


def test_a_day_that_is_booked_once_has_nothing_wrong(world):
    assert wrongs(world) == []


def test_an_entry_sent_twice_is_doubled_and_its_sums_are_off(world):
    body = sales_entry().body.encode()
    documents.post(clients.exact_client(world.shop.division), resources.SALES_ENTRIES, body)

    assert kinds(wrongs(world)) == {"doubled", "difference", "misplaced", "sent twice"}


def test_an_entry_that_is_gone_from_exact_is_missed(world):
    world.books.delete_entry(sales_entry().remote_id)

    assert kinds(wrongs(world)) == {"difference", "misplaced"}


def test_a_payment_that_nobody_read_is_lost(world):
    world.sandbox.square.sell("Amsterdam", world.timeline.now())

    assert kinds(wrongs(world)) == {"lost"}


def test_a_step_without_its_audit_entry_is_a_broken_trail(world):
    gone = AuditEntry.objects.get(verb="posting.posted", subject=sales_entry().reference)
    tamper("DELETE FROM audit_auditentry WHERE id = %s", gone.pk)

    assert wrongs(world) == [
        f"trail: posting {sales_entry().reference} is confirmed, its trail says draft > sending > confirmed "
        "(sending is not followed by confirmed)"
    ]


def test_an_entry_left_between_two_states_is_unfinished(world):
    Posting.objects.filter(pk=sales_entry().pk).update(state="sending")

    assert {"unfinished", "trail"} <= kinds(wrongs(world))


@pytest.mark.processes
def test_a_schedule_runs_from_the_command_line_and_prints_its_figures():
    command = [sys.executable, "manage.py", "prove", "--schedules", "1", "--seed", "9", "--payments", "10"]
    ran = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=300, check=False)

    figures = dict(line.rsplit(maxsplit=1) for line in ran.stdout.splitlines()[1:])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (figures["schedules"], figures["violations"], figures["lost"], figures["doubled"]) == ("1", "0", "0", "0")
    assert int(figures["worker processes"]) > 3


@pytest.mark.processes
def test_the_proof_of_the_tokens_rehearses_every_way_of_a_refresh_and_prints_its_figures():
    command = [sys.executable, "manage.py", "prove", "--tokens", "--days", "0"]
    ran = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120, check=False)

    figures = dict(line.rsplit(maxsplit=1) for line in ran.stdout.splitlines())
    assert (ran.returncode, ran.stderr, figures["violations"]) == (0, "", "0")
    assert int(figures["lines that a refresh passes"]) > 200
    assert int(figures["refresh tokens sent"]) >= 4


def test_what_belongs_to_the_live_books_is_refused_without_them():
    with pytest.raises(CommandError, match="go with --live"):
        call_command("prove", "--month", "2026-03")
