"""Where tokens are refreshed: a sandbox that remembers every refresh token it was sent, and processes that want one."""

from __future__ import annotations

import time as real
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, cast

from config.demo import shop as shops
from config.prove import consent, crew
from config.prove.arena import arena
from config.prove.lines import BEFORE, HOLDING, OVER, Point
from config.prove.timing import SharedClock
from config.prove.token_hands import CONSENT, FELL_OVER, KILLED, LATER, TOKEN, Hand, Outcome
from config.prove.witness import WitnessedSandbox
from connections import credentials
from connections.models import Connection
from connections.providers.errors import VendorError
from connections.sandbox.faults import Fault
from connections.sandbox.wire import Request, Response

TOKEN_PATH = "/api/oauth2/token"  # noqa: S105 - an address
# Answers that say openly that nothing was given: the same token may be sent again.
OPENLY = frozenset({400, 429, 500, 503})
# Ways that end without an answer that can be read, or with one that hides what was done.
UNANSWERED = frozenset({"drop_before", "drop_after", "truncate", "500_after"})
DELAY = 0.3  # real seconds
QUIET = 2.0  # real seconds without a word, after which a claim is taken for that of the dead
PATIENCE = 90.0
ROUNDS = 4
AGAIN_AFTER = 65.0  # seconds of the clock: longer than a failed refresh is let alone


class TokenWitness(WitnessedSandbox):
    """Remembers each refresh token it was sent with what it answered; 0: nothing."""

    def __init__(self, **choices: Any) -> None:
        super().__init__(**choices)
        self.sendings: list[tuple[str, int]] = []
        self.asked_again = 0
        self.wrong: list[str] = []

    def handle(self, request: Request, *, patience: float | None = None) -> Response:
        is_token = request.method == "POST" and request.path.endswith(TOKEN_PATH)
        token = request.form.get("refresh_token") if is_token else None
        if not token:
            return super().handle(request, patience=patience)
        self._look(token)
        status = 0
        try:
            response = super().handle(request, patience=patience)
            status = response.status
            return response
        finally:
            self.sendings.append((token, status))

    def _look(self, token: str) -> None:
        earlier = [status for sent, status in self.sendings if sent == token]
        self.asked_again += bool(earlier)
        if any(status not in OPENLY for status in earlier):
            self.wrong.append(f"a refresh token was sent again after answers {earlier}")


@dataclass
class Stage:
    sandbox: TokenWitness
    time: SharedClock
    connection_id: int
    struck: Any
    hands: list[Hand] = field(default_factory=list)
    kills: int = 0
    consents: int = 0
    needless: int = 0
    breaches: list[str] = field(default_factory=list)

    @property
    def row(self) -> Connection:
        return Connection.objects.get(pk=self.connection_id)

    @property
    def oauth(self) -> Any:
        return self.sandbox.exact.site(shops.REGION).oauth

    # --- what happens -----------------------------------------------------------------------------
    def rehearse(self, fault: str | None) -> Sequence[Point]:
        """The lines that one process passes when its refresh goes this way."""
        self.time.pass_until(credentials.renew_from(self.row))
        self._arm(fault)
        passed = self._ask(self.hands[:1], None)[0].passed
        self._recover()
        return passed

    def keep_alive(self, *, at: datetime) -> None:
        """What a night does for connections that nobody used."""
        self.time.pass_until(at)
        self.sandbox.faults.clear()
        for row in credentials.due_for_keepalive().filter(pk=self.connection_id):
            with suppress(VendorError):
                credentials.keep_alive(row)
        if self.row.status != Connection.Status.LIVE:
            self._blame("a night without any trouble ended the consent")

    def play(self, *, at: datetime, fault: str | None, point: Point | None) -> bool:
        """Everybody wants a token. Returns whether somebody was killed at the point."""
        self.time.pass_until(at)
        self.time.pass_until(credentials.renew_from(self.row))
        self._arm(fault)
        name = f"{self.time.now():%d %b %H:%M}, {fault or 'no fault'}, {point or 'nobody killed'}"
        outcomes = self._ask(self.hands, point)
        phase, was_killed = self.struck.value - 1, any(one.kind == KILLED for one in outcomes)
        self.kills += sum(one.kind == KILLED for one in outcomes)
        self._judge(outcomes, name, may_be_lost=fault in UNANSWERED or (was_killed and phase not in {BEFORE, OVER}))
        self._recover()
        return was_killed

    def _arm(self, fault: str | None) -> None:
        self.sandbox.faults.clear()
        if fault:
            self.sandbox.faults.add(Fault(fault, "exact", "POST", TOKEN_PATH, seconds=DELAY))

    # --- asking -----------------------------------------------------------------------------------
    def _ask(self, hands: Sequence[Hand], point: Point | None) -> list[Outcome]:
        """What came of it for each; who is told to come later does, and then nobody dies."""
        self.struck.value = 0
        for hand in hands:
            hand.ask(point)
        outcomes = self._gather(hands)
        for _ in range(ROUNDS):
            later = [hand for hand in hands if outcomes[hand].kind == LATER]
            if not later:
                break
            self.time.pass_by(AGAIN_AFTER)
            for hand in later:
                hand.ask(None)
            outcomes |= {hand: self._also(outcomes[hand], one) for hand, one in self._gather(later).items()}
        for hand, outcome in outcomes.items():
            if outcome.kind in {KILLED, FELL_OVER}:
                hand.end()
                hand.start()
        return list(outcomes.values())

    @staticmethod
    def _also(first: Outcome, then: Outcome) -> Outcome:
        return Outcome(then.kind, then.text, (*first.passed, *then.passed))

    def _gather(self, hands: Sequence[Hand]) -> dict[Hand, Outcome]:
        heard: dict[Hand, Outcome] = {}
        over, quiet = real.monotonic() + PATIENCE, real.monotonic() + QUIET
        while len(heard) < len(hands):
            for hand in hands:
                if hand not in heard and (outcome := hand.hear()):
                    heard[hand], quiet = outcome, real.monotonic() + QUIET
            if real.monotonic() > over:
                return heard | {hand: Outcome(FELL_OVER, "hangs") for hand in hands if hand not in heard}
            self._pass_claim_of_the_dead(heard.values(), is_quiet=real.monotonic() > quiet)
            wait([hand.pipe for hand in hands if hand not in heard], 0.1)
        self._pass_claim_of_the_dead(heard.values(), is_quiet=True)
        return heard

    def _pass_claim_of_the_dead(self, heard: Any, *, is_quiet: bool) -> None:
        """Time goes by until the claim of whoever died has run out; that of the living is left to them."""
        phase = self.struck.value - 1
        if not any(one.kind == KILLED for one in heard) or phase in {BEFORE, OVER}:
            return
        row = self.row
        if row.refresh_started_at and (phase == HOLDING or is_quiet):
            self.time.pass_until(row.refresh_until)

    # --- judging ----------------------------------------------------------------------------------
    def _judge(self, outcomes: Sequence[Outcome], name: str, *, may_be_lost: bool) -> None:
        self._blame_for(self.sandbox.wrong, name)
        self._blame_for([one.text for one in outcomes if one.kind == FELL_OVER], name)
        alive = [one for one in outcomes if one.kind in {TOKEN, CONSENT, LATER}]
        row = self._settled()
        said = {one.kind for one in alive}
        if row.status == Connection.Status.NEEDS_CONSENT:
            self._blame_if(not may_be_lost, f"{name}: consent is asked for, and no answer was lost")
            self._blame_if(said - {CONSENT} != set(), f"{name}: consent is needed, and somebody heard {said}")
            self._blame_if(not row.status_reason, f"{name}: nobody is told why consent is needed")
            return
        self._blame_if(self._is_spent(row), f"{name}: the answer was lost, and nobody was told")
        self._blame_if(said - {TOKEN} != set(), f"{name}: the connection is live, and somebody got no token: {said}")
        good = credentials.read(row, "access_token")
        self._blame_if({one.text for one in alive if one.kind == TOKEN} - {good} != set(), f"{name}: tokens differ")
        given = self.oauth.access.get(good)
        self._blame_if(given is None or not given.chain.alive, f"{name}: Exact does not take the token that is stored")

    def _settled(self) -> Connection:
        """The row once everybody has looked: a claim that nobody alive holds is found by the next who comes."""
        row = self.row
        if row.refresh_started_at:
            self._ask(self.hands[:1], None)
        return self.row

    def _is_spent(self, row: Connection) -> bool:
        token = self.oauth.refresh.get(credentials.read(row, "refresh_token"))
        return bool(token is None or token.used)

    def _recover(self) -> None:
        """A person gives consent where it is asked for, and then everybody has a token again."""
        self.sandbox.faults.clear()
        row = self._settled()
        if row.status != Connection.Status.NEEDS_CONSENT:
            return
        self.consents += 1
        self.needless += not self._is_spent(row)
        consent.give_again(self.sandbox)
        said = {one.kind for one in self._ask(self.hands, None)}
        self._blame_if(said != {TOKEN}, f"after consent was given again: {said}")

    def _blame_for(self, wrongs: list[str], name: str) -> None:
        for wrong in wrongs:
            self._blame(f"{name}: {wrong}")
        wrongs.clear()

    def _blame_if(self, is_wrong: bool, told: str) -> None:
        if is_wrong:
            self._blame(told)

    def _blame(self, told: str) -> None:
        self.breaches.append(told)


@contextmanager
def stage(template: Path, *, seed: int, start: datetime, time: SharedClock, workers: int) -> Iterator[Stage]:
    with arena(template, seed=seed, start=start, time=time, sandbox=TokenWitness) as world:
        witness = cast(TokenWitness, world.sandbox)
        shops.found(witness)
        shops.furnish(witness, go_live=date(start.year, start.month, start.day))
        exact = Connection.objects.get(system=Connection.System.EXACT)
        here = Stage(witness, time, exact.pk, crew.forks.Value("i", 0))
        here.hands += [Hand(exact.pk, time.ahead, here.struck) for _ in range(workers)]
        try:
            yield here
        finally:
            for hand in here.hands:
                hand.end()
