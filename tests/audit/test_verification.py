"""Whatever somebody with all rights on the database does to the trail, the first thing that is wrong is named."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from audit import seals, trail, verification
from audit.models import AuditEntry, AuditSeal, SealedSpan
from audit.verification import Broken, Progress, verify
from audit.verifier import digest_of
from tests.audit.intruder import tamper, unguarded
from tests.audit.telling import ids, nobody, sealed, tell
from tests.pages import NOW

ENTRY = "audit_auditentry"
JSON = "::jsonb" if connection.vendor == "postgresql" else ""
COLUMNS = {
    "at": "2020-01-01 00:00:00+00:00" if JSON else "2020-01-01 00:00:00", "actor": "x", "trigger": "x", "verb": "x",
    "subject_type": "x", "subject_id": 99, "subject": "x", "source": "x", "division": 9, "lane_id": 9, "run_id": 99,
    "request_id": "x", "detail": '{"n": 99}', "digest": "0" * 64,
}  # fmt: skip


def verified(**choices: object) -> Progress:
    *_, last = verify(trusts=nobody, **choices)  # type: ignore[arg-type]
    return last


def finding(**choices: object) -> str:
    with pytest.raises(Broken) as broken:
        verified(**choices)
    return str(broken.value)


def test_an_untouched_trail_stands(db: None) -> None:
    sealed(3, 4, 5)
    tell(2, start=12, minutes=9)
    found = verified()
    assert (found.entries, found.seal, found.head) == (12, 3, seals.head().head)
    assert found.unsealed == 2


def test_a_trail_without_any_entry_stands(db: None) -> None:
    assert verified().is_done


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_changed_in_any_column_is_named(db: None, column: str) -> None:
    keys = sealed(3, 4, 5)
    tamper(f'UPDATE {ENTRY} SET "{column}" = %s WHERE id = %s', COLUMNS[column], keys[5])
    assert finding() == f"Audit entry {keys[5]} was changed: its values do not give its digest."


def test_one_flipped_bit_in_a_text_is_named(db: None) -> None:
    keys = sealed(3, 4, 5)
    source = AuditEntry.objects.get(pk=keys[8]).source
    tamper(f"UPDATE {ENTRY} SET source = %s WHERE id = %s", source[:-1] + chr(ord(source[-1]) ^ 1), keys[8])
    assert f"entry {keys[8]} was changed" in finding()


def test_a_byte_that_makes_a_text_unreadable_is_named(db: None) -> None:
    keys = sealed(3, 4)
    if JSON:  # PostgreSQL stores no bytes that are no text: it refuses them itself
        with pytest.raises(DataError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT convert_from('\\xff41'::bytea, 'UTF8')")
        return
    tamper(f"UPDATE {ENTRY} SET actor = CAST(x'ff41' AS TEXT) WHERE id = %s", keys[4])
    assert f"entry {keys[4]} was changed" in finding()


def test_a_change_with_a_digest_made_to_fit_is_named_by_its_seal(db: None) -> None:
    keys = sealed(3, 4)
    tamper(f"UPDATE {ENTRY} SET actor = 'nobody' WHERE id = %s", keys[4])
    tamper(f"UPDATE {ENTRY} SET digest = %s WHERE id = %s", trail.digest(AuditEntry.objects.get(pk=keys[4])), keys[4])
    assert finding() == f"Audit entry {keys[4]} was replaced: seal 2 covers another fact under this id."


@pytest.mark.parametrize("place", [0, 5, 11], ids=["first", "middle", "last"])
def test_a_removed_entry_is_named(db: None, place: int) -> None:
    keys = sealed(3, 4, 5)
    tamper(f"DELETE FROM {ENTRY} WHERE id = %s", keys[place])
    assert finding().startswith(f"Audit entry {keys[place]} is missing")


def test_two_entries_that_changed_places_are_named_by_the_first(db: None) -> None:
    keys = sealed(3, 4, 5)
    one, other = keys[4], keys[9]
    with unguarded(), connection.cursor() as cursor:
        for old, new in ((one, 10**9), (other, one), (10**9, other)):
            cursor.execute(f"UPDATE {ENTRY} SET id = %s WHERE id = %s", [new, old])
    assert f"entry {one} was replaced" in finding()


def test_the_first_of_several_wrongs_is_the_one_named(db: None) -> None:
    keys = sealed(3, 4, 5)
    tamper(f"DELETE FROM {ENTRY} WHERE id = %s", keys[10])
    tamper(f"UPDATE {ENTRY} SET actor = 'x' WHERE id = %s", keys[2])
    assert f"entry {keys[2]} " in finding()


def test_a_truncated_end_of_the_entries_is_named(db: None) -> None:
    keys = sealed(3, 4, 5)
    tamper(f"DELETE FROM {ENTRY} WHERE id >= %s", keys[8])
    assert f"entry {keys[8]} is missing" in finding()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sealed_at", NOW), ("first_at", NOW.replace(year=2020)), ("last_at", NOW.replace(year=2030)), ("count", 9),
        ("digests", b"x" * 64), ("head", "0" * 64),
    ],
)  # fmt: skip
def test_an_altered_seal_is_named(db: None, column: str, value: object) -> None:
    sealed(3, 4, 5)
    told = value.astimezone(UTC).replace(tzinfo=None if not JSON else UTC) if isinstance(value, datetime) else value
    tamper(f'UPDATE audit_auditseal SET "{column}" = %s WHERE number = 2', told)
    assert re.search(r"[Ss]eal 2 (was changed|covers another)", finding())


def test_a_seal_renumbered_or_removed_is_named(db: None) -> None:
    sealed(3, 4, 5)
    tamper("DELETE FROM audit_auditseal WHERE number = 2")
    assert finding() == "Seal 2 is missing."


def test_a_first_seal_that_is_gone_is_named(db: None) -> None:
    sealed(3, 4)
    tamper("DELETE FROM audit_auditseal WHERE number = 1")
    assert finding() == "Seal 1 is missing."


def test_a_last_seal_that_is_gone_is_named_while_its_spans_are_there(db: None) -> None:
    sealed(3, 4, 5)
    tamper("DELETE FROM audit_auditseal WHERE number = 3")
    assert finding() == "Seal 3 is missing."


def test_spans_made_to_cover_less_are_named(db: None) -> None:
    sealed(3, 4, 5)
    tamper("UPDATE audit_sealedspan SET last = last - 1 WHERE seal_id = 2")
    assert finding().startswith("Seal 2 was changed: it covers")


def truncated(up_to: int) -> None:
    """The end of the trail cut off with everything that tells of it."""
    first = SealedSpan.objects.filter(seal_id__gt=up_to).earliest("first").first
    tamper(f"DELETE FROM {ENTRY} WHERE id >= %s", first)
    tamper("DELETE FROM audit_sealedspan WHERE seal_id > %s", up_to)
    tamper("DELETE FROM audit_auditseal WHERE number > %s", up_to)


def test_an_end_cut_off_without_a_trace_is_found_by_the_head_that_was_kept_elsewhere(db: None) -> None:
    sealed(3, 4, 5)
    kept = seals.head().head
    truncated(1)
    assert verified().entries == 3, "nothing inside the database tells of it"
    assert f"does not pass through head {kept}" in finding(known=kept)


def test_every_head_ever_mailed_is_found_in_the_chain(db: None) -> None:
    sealed(3, 4, 5)
    for head in AuditSeal.objects.values_list("head", flat=True):
        assert verified(known=head).is_done


def test_a_trail_rewritten_from_some_point_on_is_found_by_the_head_that_was_kept(db: None) -> None:
    sealed(3, 4, 5)
    kept = seals.head().head
    truncated(1)
    tell(9, start=3)
    seals.seal(now=NOW)
    assert verified().entries == 12
    assert "all was rewritten" in finding(known=kept)


def test_a_guard_that_is_down_is_named(db: None) -> None:
    sealed(3)
    with unguarded():
        assert "no longer guards" in finding()


def test_an_entry_that_is_not_sealed_yet_must_give_its_digest_too(db: None) -> None:
    sealed(3)
    tell(2, start=3)
    tamper(f"UPDATE {ENTRY} SET actor = 'x' WHERE id = %s", ids()[-1])
    assert f"entry {ids()[-1]}, not sealed yet, was changed" in finding()


def test_an_archive_that_nobody_signed_is_named(db: None) -> None:
    sealed(3, 3)
    tamper(
        "INSERT INTO audit_auditarchive (first_seal, last_seal, count, file, sha256, manifest, signature, archived_at) "
        f"VALUES (1, 1, 3, 'x.zip', '', '{{\"first_seal\": 1, \"last_seal\": 1}}', '00', "
        f"{'now()' if JSON else 'CURRENT_TIMESTAMP'})"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {ENTRY} WHERE id <= %s", [ids()[2]])
    assert "x.zip was not signed by this installation" in finding()


def test_in_pieces_it_comes_to_the_same(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "AT_ONCE", 3)
    sealed(3, 4, 5)
    row = verification.ask("anna", now=NOW)
    pieces = 0
    while not verification.work(row, trusts=nobody, now=lambda: NOW, is_over=lambda: True):
        pieces += 1
        row.refresh_from_db()
    assert pieces == 3
    assert (row.entries, row.seal, row.head, row.finding) == (12, 3, verified().head, "")
    assert AuditEntry.objects.get(verb="audit.verified").actor == "anna"


def test_one_look_is_under_way_at_a_time_unless_it_was_given_up(db: None) -> None:
    row = verification.ask("anna", now=NOW)
    assert verification.ask("bob", now=NOW).pk == row.pk
    assert verification.ask("bob", now=NOW + verification.SILENCE).pk != row.pk


def test_the_command_says_that_everything_stands(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    sealed(3, 4)
    call_command("audit", "verify", head=seals.head().head)
    assert "Everything stands: 7 entries under 2 seals, 0 not sealed yet." in capsys.readouterr().out


def test_the_command_fails_and_names_what_does_not_stand(db: None) -> None:
    keys = sealed(3, 4)
    tamper(f"DELETE FROM {ENTRY} WHERE id = %s", keys[5])
    with pytest.raises(CommandError, match=f"entry {keys[5]} is missing"):
        call_command("audit", "verify")
    with pytest.raises(CommandError, match="is missing"):
        call_command("audit", "verify", head="1" * 64)


def test_the_command_tells_the_head_of_all_there_is(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    sealed(3)
    tell(2, start=3)
    call_command("audit", "head")
    assert seals.unsealed().count == 0
    assert seals.head().head in capsys.readouterr().out


LEAVES = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(st.characters(exclude_categories=["Cs"]))
DETAILS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner)),
    max_size=4,
)


@given(detail=DETAILS, subject=st.text(st.characters(exclude_categories=["Cs"]), max_size=20), at=st.datetimes())
def test_what_checks_a_digest_agrees_with_what_writes_it(detail: dict[str, object], subject: str, at: datetime) -> None:
    """The two share no code, so that a slip in one shows."""
    at = at.replace(tzinfo=UTC)
    row = AuditEntry(at=at, actor="a", trigger="t", verb="v", subject_type="s", subject=subject, detail=detail)
    values = [at.isoformat(), "a", "t", "v", "s", None, subject, "", None, None, None, "", detail]
    assert digest_of(values) == trail.digest(row)
