from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from audit.models import AuditEntry
from connections import clients, credentials, diagnosis, endpoints
from connections.credentials import Locked, NeedsConsent
from connections.models import CallBudget, Connection, VendorCall
from connections.providers.errors import NoAnswer, NotAuthorised, Throttled
from connections.providers.snowflake.client import SnowflakeClient
from connections.providers.snowflake.keypair import KeyPair
from connections.providers.snowflake.statements import Statement
from connections.sandbox.faults import Fault
from connections.snowflake_forms import SnowflakeForm
from connections.verdicts import Kind
from tests.connections import archive
from tests.connections.archive import ENTERED
from tests.connections.sandbox.snowflake_world import PASSPHRASE, PublicKey, fingerprint, pem, public
from tests.connections.vendors import Vendors

pytestmark = pytest.mark.django_db
ONE = Statement("SELECT 1", "probe")
ADD = "admin:connections_connection_add"


def enter(browser: Client, **changes: str) -> str:
    return browser.post(reverse(ADD), {**ENTERED, **changes}, follow=True).content.decode()


def change(browser: Client, row: Connection, **changes: str) -> str:
    kept = {name: value for name, value in ENTERED.items() if not name.startswith("private_key")}
    url = reverse("admin:connections_connection_change", args=[row.pk])
    return browser.post(url, {**kept, **changes}, follow=True).content.decode()


def press(browser: Client, row: Connection, name: str, **data: str) -> str:
    url = reverse("admin:connections_connection_do", args=[row.pk, name])
    return browser.post(url, data, follow=True).content.decode()


def tell(row: Connection) -> tuple[Kind, str]:
    verdict = diagnosis.test_connection(row)
    return verdict.kind, verdict.sentence


def fresh(row: Connection) -> Connection:
    return Connection.objects.get(pk=row.pk)


def ask(client: SnowflakeClient, statement: Statement = ONE) -> None:
    client.execute(statement, request_id=str(uuid.uuid4()))


# -- entering


@pytest.mark.accepts("S003-24")
def test_a_connection_is_entered_and_neither_key_nor_passphrase_is_shown_again(
    browser: Client, vendors: Vendors
) -> None:
    text = enter(browser)
    row = Connection.objects.get()
    assert (row.account_identifier, row.user_name, row.role) == ("tb-archive", "LOADER", "ARCHIVIST")
    assert (row.warehouse, row.database, row.schema) == ("LOAD_WH", "BOOKS", "exact")
    assert row.private_key.open().strip() == ENTERED["private_key"].strip()
    text += browser.get(reverse("admin:connections_connection_history", args=[row.pk])).content.decode()
    lines = [line for line in ENTERED["private_key"].splitlines() if len(line) > 40]
    assert not [secret for secret in (*lines, PASSPHRASE, row.private_key.token) if secret in text]
    assert re.search(r'<textarea name="private_key"[^>]*>\s*</textarea>', text)
    stored = " ".join(str(value) for row in Connection.objects.values_list() for value in row)
    assert not [secret for secret in (*lines, PASSPHRASE) if secret in stored]


def test_the_page_shows_the_fingerprint_and_the_command_that_registers_the_key(
    browser: Client, vendors: Vendors
) -> None:
    text = enter(browser)
    assert fingerprint() in text
    [command] = re.findall(r"ALTER USER &quot;LOADER&quot; SET RSA_PUBLIC_KEY = &#x27;([A-Za-z0-9+/=]+)&#x27;;", text)
    assert command == KeyPair.read(pem()).public
    assert "not tested yet" in text
    assert "Nobody has tested this connection yet" in text
    assert "Give consent" not in text
    assert "Test connection" in text


def test_choosing_snowflake_on_the_common_page_leads_to_its_form(browser: Client, vendors: Vendors) -> None:
    assert "?system=snowflake" in browser.get(reverse(ADD)).content.decode()
    text = browser.get(reverse(ADD), {"system": "snowflake"}).content.decode()
    assert 'name="account_identifier"' in text
    assert 'name="client_secret"' not in text
    chosen = browser.post(reverse(ADD), {"system": "snowflake", "environment": "local_sandbox", "label": "A"})
    assert 'name="warehouse"' in chosen.content.decode()
    assert "Enter the private key" in chosen.content.decode()


WRONG = {
    "no account": ({"account_identifier": "http://169.254.169.254/latest"}, "no account identifier"),
    "another host": ({"account_identifier": "evil.example/x"}, "no account identifier"),
    "a strange name": ({"warehouse": "a; drop"}, "double quotes"),
    "no role": ({"role": ""}, "This field is required"),
    "no key": ({"private_key": "", "private_key_passphrase": ""}, "Enter the private key"),
    "a public key": ({"private_key": public(), "private_key_passphrase": ""}, "This is the public key"),
    "no passphrase": ({"private_key_passphrase": ""}, "enter its passphrase"),
    "a wrong passphrase": ({"private_key_passphrase": "wrong-canary"}, "does not open the private key"),
    "a passphrase too many": ({"private_key": pem()}, "leave the passphrase empty"),
    "the same key twice": ({"second_private_key": pem()}, "first key once more"),
    "an endless key": ({"private_key": "x" * 20_001}, "longer than a key"),
    "a vendor sandbox": ({"environment": "vendor_sandbox"}, "no sandbox of its own"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_work_is_refused_in_the_form(changes: dict[str, str], said: str) -> None:
    text = str(SnowflakeForm({**ENTERED, **changes}).errors)
    assert said in text
    assert not [secret for secret in (PASSPHRASE, "wrong-canary", ENTERED["private_key"][60:120]) if secret in text]


def test_a_refused_form_shows_neither_key_nor_passphrase(browser: Client, vendors: Vendors) -> None:
    text = enter(browser, private_key_passphrase="wrong-canary")
    assert "does not open the private key" in text
    assert not [secret for secret in ("wrong-canary", ENTERED["private_key"][60:120]) if secret in text]
    assert not Connection.objects.exists()


def test_a_fast_clock_takes_no_real_account(browser: Client, vendors: Vendors, settings: Settings) -> None:
    settings.TILLBRIDGE_CLOCK = "0,60"
    assert "environment" in enter(browser, environment="production")
    assert not Connection.objects.exists()


def test_the_database_holds_no_snowflake_without_a_place_and_a_key(db: None) -> None:
    for gap in ("account_identifier", "role", "public_key"):
        with pytest.raises(IntegrityError), transaction.atomic():
            archive.connection(**{gap: ""})


def test_calls_go_to_a_host_computed_from_the_identifier(vendors: Vendors) -> None:
    row = archive.connection(environment="production", account_identifier="MYORG-MY_ARCHIVE")
    assert endpoints.base_url(row) == "https://myorg-my-archive.snowflakecomputing.com"
    assert endpoints.site_name(row) == "Snowflake MYORG-MY_ARCHIVE"
    row.account_identifier = "evil.example/"
    row.account_identifier += "x"
    with pytest.raises(ImproperlyConfigured):
        endpoints.base_url(row)


def test_saving_the_form_unchanged_keeps_names_and_secrets(browser: Client, vendors: Vendors) -> None:
    archive.account(vendors)
    row = archive.connection()
    assert diagnosis.test_connection(row).is_live
    page = browser.get(reverse("admin:connections_connection_change", args=[row.pk])).content.decode()
    assert 'value="&quot;exact&quot;"' in page
    change(browser, row, label="New name", account_identifier=row.account_identifier)
    seen = fresh(row)
    assert (seen.label, seen.schema, seen.status) == ("New name", "exact", Connection.Status.LIVE)
    assert seen.private_key.open() == pem()


def test_another_place_or_key_is_to_be_tested_before_anything_is_sent(browser: Client, vendors: Vendors) -> None:
    archive.account(vendors)
    row = archive.connection()
    diagnosis.test_connection(row)
    text = change(browser, row, warehouse="other_wh")
    assert "to be tested again" in text
    with pytest.raises(NeedsConsent, match="changed since its last test"):
        clients.snowflake_client(row)


def test_a_new_plain_key_takes_the_old_passphrase_with_it(browser: Client, vendors: Vendors) -> None:
    enter(browser)
    row = Connection.objects.get()
    change(browser, row, private_key=pem("second"))
    seen = fresh(row)
    assert seen.private_key_passphrase is None
    assert seen.public_key == KeyPair.read(pem("second")).public


def test_a_passphrase_is_held_against_the_stored_key(browser: Client, vendors: Vendors) -> None:
    enter(browser)
    row = Connection.objects.get()
    assert "does not open" in change(browser, row, private_key_passphrase="wrong-canary")
    assert fresh(row).private_key_passphrase.open() == PASSPHRASE


# -- testing


@pytest.mark.accepts("S003-31")
def test_a_connection_that_works_says_as_whom_and_is_live(browser: Client, vendors: Vendors) -> None:
    account = archive.account(vendors)
    enter(browser)
    row = Connection.objects.get()
    text = press(browser, row, "test")
    assert "answers as LOADER as ARCHIVIST; it writes to BOOKS.exact, warehouse LOAD_WH" in text
    assert fresh(row).status == Connection.Status.LIVE
    assert AuditEntry.objects.filter(verb="connection.proved", actor="anna").count() == 1
    assert account.warehouses["LOAD_WH"].wakes == 0
    assert vendors.sandbox.log.refusals == []
    ask(clients.snowflake_client(row))


def test_a_test_asks_few_questions_and_leaves_them_in_the_ledger(vendors: Vendors) -> None:
    archive.account(vendors)
    diagnosis.test_connection(archive.connection())
    asked = list(VendorCall.objects.order_by("id").values_list("operation", "status"))
    assert asked == [("account.context", 200), ("warehouses.list", 200), ("grants.list", 200), ("parameters.list", 200)]


def test_a_right_may_come_from_another_role(vendors: Vendors) -> None:
    account = archive.account(vendors)
    for privilege in ("CREATE TABLE", "CREATE VIEW"):
        account.revoke("ARCHIVIST", privilege, "SCHEMA", "BOOKS", "exact")
    account.add_role("MAKERS")
    account.grant("MAKERS", "OWNERSHIP", "SCHEMA", "BOOKS", "exact")
    account.roles["ARCHIVIST"].inherits.add("MAKERS")
    assert diagnosis.test_connection(archive.connection()).is_live


MISSING = {
    "account": (Kind.NO_ACCOUNT, {"account_identifier": "TB-NOBODY"}, "TB-NOBODY"),
    "user": (Kind.WRONG_KEY, {"user_name": "PIET"}, 'DESC USER "PIET"'),
    "key": (
        Kind.WRONG_KEY, {"private_key": pem("second"), "public_key": KeyPair.read(pem("second")).public},
        fingerprint("second"),
    ),
    "role": (Kind.MISSING_ROLE, {"role": "OTHER"}, 'GRANT ROLE "OTHER" TO USER "LOADER";'),
    "warehouse": (Kind.MISSING_WAREHOUSE, {"warehouse": "LOAD-WH"}, 'GRANT USAGE ON WAREHOUSE "LOAD-WH" TO ROLE'),
    "a warehouse of almost that name": (Kind.MISSING_WAREHOUSE, {"warehouse": "LOAD%"}, "may not use a warehouse"),
    "database": (Kind.MISSING_PLACE, {"database": "books"}, 'GRANT USAGE ON DATABASE "books" TO ROLE "ARCHIVIST";'),
    "schema": (Kind.MISSING_PLACE, {"schema": "EXACT"}, 'GRANT USAGE ON SCHEMA "BOOKS"."EXACT" TO ROLE "ARCHIVIST";'),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "said"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_named_with_the_command_that_gives_it(
    vendors: Vendors, kind: Kind, fields: dict[str, str], said: str
) -> None:
    archive.account(vendors)
    row = archive.connection(**fields)
    found = tell(row)
    assert (found[0], said in found[1]) == (kind, True), found
    assert fresh(row).status == Connection.Status.NEW


LOST = {
    "use of the warehouse": (
        Kind.MISSING_WAREHOUSE, [("USAGE", "WAREHOUSE", "LOAD_WH"), ("MONITOR", "WAREHOUSE", "LOAD_WH")],
        "GRANT USAGE ON WAREHOUSE",
    ),
    "tables": (
        Kind.MISSING_PRIVILEGE, [("CREATE TABLE", "SCHEMA", "BOOKS", "exact")],
        'GRANT CREATE TABLE ON SCHEMA "BOOKS"."exact" TO ROLE "ARCHIVIST";',
    ),
    "tables and views": (
        Kind.MISSING_PRIVILEGE,
        [("CREATE TABLE", "SCHEMA", "BOOKS", "exact"), ("CREATE VIEW", "SCHEMA", "BOOKS", "exact")],
        "lacks CREATE TABLE and CREATE VIEW",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "lost", "said"), LOST.values(), ids=LOST)
def test_a_missing_privilege_is_named(vendors: Vendors, kind: Kind, lost: list[tuple[str, ...]], said: str) -> None:
    account = archive.account(vendors)
    account.grant("ARCHIVIST", "MONITOR", "WAREHOUSE", "LOAD_WH")
    for grant in lost:
        account.revoke("ARCHIVIST", *grant)
    found = tell(archive.connection())
    assert (found[0], said in found[1]) == (kind, True), found


@pytest.mark.accepts("S003-33")
def test_a_warehouse_that_does_not_resume_is_a_warning_with_the_command(browser: Client, vendors: Vendors) -> None:
    house = archive.account(vendors).warehouses["LOAD_WH"]
    house.auto_resume, house.is_suspended = False, False
    row = archive.connection()
    text = press(browser, row, "test")
    assert text.count("ALTER WAREHOUSE &quot;LOAD_WH&quot; SET AUTO_RESUME = TRUE;") == 2  # the message, and the page
    assert AuditEntry.objects.filter(verb="connection.warned", subject_id=row.pk).count() == 1
    press(browser, row, "test")
    assert AuditEntry.objects.filter(verb="connection.warned").count() == 1
    house.auto_resume = True
    assert "AUTO_RESUME = TRUE" not in press(browser, row, "test")


@pytest.mark.accepts("S003-33")
def test_a_suspended_warehouse_that_does_not_resume_stops_the_test(vendors: Vendors) -> None:
    archive.account(vendors).warehouses["LOAD_WH"].auto_resume = False
    kind, said = tell(archive.connection())
    assert kind == Kind.MISSING_WAREHOUSE
    assert said.endswith('ALTER WAREHOUSE "LOAD_WH" SET AUTO_RESUME = TRUE;')


def test_an_account_that_ignores_quotes_is_told_how_to_keep_them(vendors: Vendors) -> None:
    archive.account(vendors).switches.set("quoted_identifiers_ignore_case", True)
    kind, said = tell(archive.connection())
    assert kind == Kind.WRONG_QUOTING
    assert "SET QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE;" in said


def test_a_silent_and_a_busy_snowflake_are_two_things(vendors: Vendors) -> None:
    archive.account(vendors)
    row = archive.connection()
    vendors.sandbox.faults.add(Fault("drop_before", system="snowflake"))
    assert tell(row)[0] == Kind.UNREACHABLE
    vendors.sandbox.faults.add(Fault("429", system="snowflake"))
    assert tell(row)[0] == Kind.THROTTLED
    assert tell(row)[0] == Kind.THROTTLED
    assert vendors.sandbox.log.count("snowflake") == 2


def test_no_two_findings_share_a_sentence(vendors: Vendors) -> None:
    archive.account(vendors)
    said = {tell(archive.connection(label=name, **fields))[1] for name, (_, fields, _) in MISSING.items()}
    assert len(said) == len(MISSING)


# -- at work


def test_nothing_is_sent_before_a_test_has_passed(vendors: Vendors) -> None:
    archive.account(vendors)
    with pytest.raises(NeedsConsent, match="Nobody has tested"):
        clients.snowflake_client(archive.connection())
    assert vendors.sandbox.log.count("snowflake") == 0


def live(vendors: Vendors, **fields: object) -> Connection:
    row = archive.connection(**fields)
    assert diagnosis.test_connection(row).is_live
    return fresh(row)


def test_a_key_taken_away_at_snowflake_stops_all_calls_until_somebody_looked(vendors: Vendors) -> None:
    account = archive.account(vendors)
    row = live(vendors)
    client = clients.snowflake_client(row)
    account.users["LOADER"].keys.clear()
    with pytest.raises(NotAuthorised):
        ask(client)
    assert fresh(row).status == Connection.Status.NEEDS_CONSENT
    with pytest.raises(NeedsConsent, match="takes none of the keys"):
        clients.snowflake_client(row)
    account.users["LOADER"].keys.append(PublicKey.read(public()))
    assert diagnosis.test_connection(row).is_live
    ask(clients.snowflake_client(row))


def test_keys_are_changed_without_a_pause(browser: Client, vendors: Vendors) -> None:
    user = archive.account(vendors).users["LOADER"]
    row = live(vendors)
    change(browser, row, second_private_key=pem("second", PASSPHRASE), second_private_key_passphrase=PASSPHRASE)
    assert diagnosis.test_connection(row).warnings == ()
    user.keys[:] = [PublicKey.read(public("second"))]
    ask(clients.snowflake_client(row))
    [warning] = diagnosis.test_connection(row).warnings
    assert "Swap the keys" in warning
    press(browser, row, "swap", confirmed="yes", count="1")
    assert diagnosis.test_connection(row).warnings == ()
    change(browser, row, forget_second_key="on")
    seen = fresh(row)
    assert (seen.second_private_key, seen.second_public_key) == (None, "")
    assert seen.private_key_passphrase.open() == PASSPHRASE
    assert diagnosis.test_connection(row).is_live


def test_two_refused_keys_stop_all_calls(vendors: Vendors) -> None:
    account = archive.account(vendors)
    other = KeyPair.read(pem("second"))
    row = live(vendors, second_private_key=pem("second"), second_public_key=other.public)
    client = clients.snowflake_client(row)
    account.users["LOADER"].keys.clear()
    for _ in range(2):
        with pytest.raises(NotAuthorised):
            ask(client)
    assert fresh(row).status == Connection.Status.NEEDS_CONSENT


@pytest.mark.accepts("S003-37")
def test_throttling_makes_every_caller_wait_longer_each_time(vendors: Vendors) -> None:
    archive.account(vendors)
    row = live(vendors)
    client = clients.snowflake_client(row)
    vendors.sandbox.faults.add(Fault("429", system="snowflake", times=3))
    waits = []
    for _ in range(3):
        with pytest.raises(Throttled) as raised:
            ask(client)
        waits.append(raised.value.until - vendors.time.now())
        with pytest.raises(Throttled, match="asked to wait"):
            ask(clients.snowflake_client(row))
        vendors.time.advance(waits[-1].total_seconds() + 0.01)
    assert waits[0] < timedelta(seconds=4)
    assert waits[2] > timedelta(seconds=4)
    assert CallBudget.objects.get().blocked_until is not None
    ask(client)
    assert vendors.sandbox.log.count("snowflake", "POST") == 8


def test_a_guard_is_asked_right_before_a_statement_leaves(vendors: Vendors) -> None:
    archive.account(vendors)
    row = live(vendors)
    before = vendors.sandbox.log.count("snowflake")

    def refuse() -> None:
        raise NoAnswer("the lane belongs to another worker now")

    with pytest.raises(NoAnswer, match="another worker"):
        ask(clients.snowflake_client(row, guard=refuse))
    assert vendors.sandbox.log.count("snowflake") == before


@pytest.mark.accepts("S003-24")
def test_keys_are_sealed_anew_with_everything_else(vendors: Vendors, settings: Settings) -> None:
    archive.account(vendors)
    row = live(vendors)
    former = row.private_key.token
    settings.SALT_KEY = ["another-salt-0123456789", *settings.SALT_KEY]
    call_command("rotate_secrets")
    assert fresh(row).private_key.token != former
    settings.SALT_KEY = settings.SALT_KEY[:1]
    ask(clients.snowflake_client(row))


def test_a_key_that_no_longer_opens_is_told_and_goes_on_when_the_salt_is_back(
    vendors: Vendors, settings: Settings
) -> None:
    archive.account(vendors)
    row, salts = live(vendors), settings.SALT_KEY
    settings.SALT_KEY = ["another-salt-0123456789"]
    with pytest.raises(Locked):
        clients.snowflake_client(row)
    assert tell(row)[0] == Kind.LOCKED
    credentials.unlock()
    assert fresh(row).status == Connection.Status.LOCKED
    settings.SALT_KEY = salts
    credentials.unlock()
    assert fresh(row).status == Connection.Status.LIVE
    ask(clients.snowflake_client(row))


def test_snowflake_takes_no_part_in_consents_and_divisions(browser: Client, vendors: Vendors) -> None:
    archive.account(vendors)
    row = live(vendors)
    assert "asks for no consent" in browser.post(reverse("connections:consent", args=[row.pk])).content.decode()
    assert "neither divisions nor locations" in press(browser, row, "read")
    vendors.time.advance(30 * 86_400)
    assert list(credentials.due_for_keepalive()) == []
    assert list(credentials.dying_within(7)) == []
