"""One country's Exact Online: its users, apps, tokens and administrations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from connections.sandbox.clock import SandboxClock
from connections.sandbox.courier import Courier
from connections.sandbox.exact import actions
from connections.sandbox.exact.apps import App, Limits, TokenPair, User
from connections.sandbox.exact.body import LARGEST
from connections.sandbox.exact.division import ExactDivision
from connections.sandbox.exact.errors import BadRequest, Forbidden, Gone, NotFound, Refusal, Rule, Unauthorised
from connections.sandbox.exact.hooks import WATCHED, Hooks
from connections.sandbox.exact.limits import ERROR_STATUSES, ErrorBudget, Quotas
from connections.sandbox.exact.messages import sentence
from connections.sandbox.exact.oauth import OAuth
from connections.sandbox.exact.service import Call, answer, resource
from connections.sandbox.exact.switches import Switches
from connections.sandbox.exact.template import fill
from connections.sandbox.log import RequestLog
from connections.sandbox.wire import Request, Response

# Reference: section 1.2, the wall clock of the site's country; unconfirmed outside France.
ZONES = {
    "nl": "Europe/Amsterdam",
    "be": "Europe/Brussels",
    "uk": "Europe/London",
    "de": "Europe/Berlin",
    "fr": "Europe/Paris",
    "es": "Europe/Madrid",
    "us": "America/New_York",
}
DEFAULT_USER = "maria@shop.example"
_ADDRESS = re.compile(r"^/api/v1/(?:(?P<division>\d+)/(?P<rest>.+)|(?P<me>current/Me))$")


class ExactSite:
    name = "exact"

    def __init__(
        self, region: str, *, clock: SandboxClock, log: RequestLog, seed: int, courier: Courier | None = None
    ) -> None:
        self.courier = courier or Courier(clock, seed)
        self.region, self.clock, self.log, self.seed = region, clock, log, seed
        self.zone = ZoneInfo(ZONES[region])
        self.switches = Switches()
        self.apps: dict[str, App] = {}
        self.users: dict[str, User] = {DEFAULT_USER: User(DEFAULT_USER)}
        self.divisions: dict[int, ExactDivision] = {}
        self.oauth = OAuth(self, seed)
        self.quotas = Quotas()
        self.errors = ErrorBudget()

    # -- setting up

    def register_app(
        self,
        client_id: str,
        client_secret: str,
        redirect_uris: Iterable[str] = (),
        *,
        scopes: str | Iterable[str] = "all",
        limits: Limits | None = None,
        loopback_redirect: bool = False,
        mandatory_filtering: bool = False,
        webhook_secret: str = App.webhook_secret,
        keeps_suppliers: bool = False,
    ) -> App:
        """`scopes`: "all", or names such as `crm.accounts` (manage) and `crm.accounts:read`."""
        app = App(
            client_id.strip("{}"),
            client_secret,
            tuple(redirect_uris),
            None if scopes == "all" else frozenset([scopes] if isinstance(scopes, str) else scopes),
            limits or Limits(),
            loopback_redirect,
            mandatory_filtering,
            webhook_secret,
            keeps_suppliers,
        )
        self.apps[app.client_id] = app
        return app

    def add_user(
        self, name: str, full_name: str = "", *, language: str = "en", current_division: int | None = None
    ) -> User:
        current = current_division or next(iter(self.divisions), None)
        self.users[name] = User(name, full_name or name, language, current)
        return self.users[name]

    def user(self, name: str) -> User:
        return self.users[name] if name in self.users else self.add_user(name)

    def issue_tokens(self, client_id: str, user: str = DEFAULT_USER) -> TokenPair:
        """A token pair as after a consent; ends the user's earlier chain with this app, as a consent does."""
        if client_id.strip("{}") not in self.apps:
            raise LookupError(f"No app {client_id} is registered at the {self.region} site.")
        return self.oauth.start(client_id.strip("{}"), self.user(user).name)

    def revoke(self, client_id: str, user: str | None = None) -> int:
        return self.oauth.revoke(client_id.strip("{}"), user)

    def add_division(
        self,
        code: int,
        name: str,
        *,
        currency: str = "EUR",
        country: str = "NL",
        registration_number: str = "",
        template: str = "shop",
    ) -> ExactDivision:
        """`template`: "shop", or "empty" for one without chart, journals and customers."""
        division = ExactDivision(
            code,
            name,
            currency=currency,
            country=country,
            registration_number=registration_number,
            wall=lambda: self.clock.now().astimezone(self.zone).replace(tzinfo=None),
            seed=self.seed,
            switches=self.switches,
        )
        if template == "shop":
            fill(division)
        self.divisions[code] = division
        hooks = Hooks(self, division, self.courier)
        for table in WATCHED:
            division.tables[table].watcher = partial(hooks.watch, table)
        for user in self.users.values():
            user.current_division = user.current_division or code
        return division

    def division(self, code: int) -> ExactDivision:
        """Raises `LookupError`."""
        if code not in self.divisions:
            raise LookupError(f"The {self.region} site has no division {code}.")
        return self.divisions[code]

    # -- what people do

    @property
    def current_division(self) -> int:
        return next((user.current_division for user in self.users.values() if user.current_division), 0)

    def set_current_division(self, code: int, user: str | None = None) -> None:
        """As a person does by opening another administration in the browser."""
        self.division(code)
        for name, known in self.users.items():
            if user in (None, name):
                known.current_division = code

    def rename_division(self, code: int, name: str = "", *, registration_number: str | None = None) -> None:
        division = self.division(code)
        division.name = name or division.name
        if registration_number is not None:
            division.registration_number = registration_number

    def remove_division(self, code: int) -> None:
        """It is gone from the lists, and calls to it are forbidden; its books stay for whoever looks from outside."""
        self.division(code).reachable = False

    def restore_division(self, code: int) -> None:
        self.division(code).reachable = True

    def reaches(self, user: User, division: ExactDivision) -> bool:
        return division.reachable and (division.users is None or user.name in division.users)

    @property
    def language(self) -> str:
        """Of the users, in which business errors are told."""
        return next(iter(self.users.values())).language

    @language.setter
    def language(self, language: str) -> None:
        for user in self.users.values():
            user.language = language

    def control(self, action: str, arguments: Mapping[str, object]) -> Any:
        return actions.perform(self, action, arguments)

    # -- serving

    def handle(self, request: Request) -> Response:
        if request.path == "/api/oauth2/auth" and request.method in ("GET", "POST"):
            return self.oauth.authorize(request)
        if request.path == "/api/oauth2/token":
            return self.oauth.token(request)
        return self._api(request)

    def throttled(self, request: Request) -> Response:
        known = self.oauth.bearer(request.bearer, self.clock.now())
        match = _ADDRESS.match(request.path)
        if known is None or match is None or not match.group("division"):
            return Response.empty(429)
        headers = self.quotas.exceeded(known[0], int(match.group("division")), self.clock.now())
        return Response.empty(429, {name: "0" if "Remaining" in name else value for name, value in headers.items()})

    def expire_token(self, access_token: str) -> None:
        self.oauth.expire(access_token)

    def revoke_token(self, access_token: str) -> None:
        """Withdraw the consent that this token comes from."""
        owner = self.oauth.owner(access_token)
        if owner is not None:
            self.revoke(*owner)

    def refuse(self, request: Request, reason: str) -> None:
        self.log.refuse(at=self.clock.now(), system=self.name, method=request.method, path=request.path, reason=reason)

    def _api(self, request: Request) -> Response:
        match = _ADDRESS.match(request.path)
        if match is None:
            self.refuse(request, "Unknown path.")
            return _envelope(404, "Resource not found.")
        code = int(match.group("division") or 0)
        known = self.oauth.bearer(request.bearer, request.arrived or self.clock.now())
        if known is None:
            return self._unauthorised(request, code, match.group("rest") or "current/Me")
        app, user = known
        if code and self._blocked(app, user, code):
            return Response.empty(self.switches.error_block_status)
        headers = self.quotas.count(app, code, self.clock.now()) if code else {}
        if headers is None:
            return Response.empty(429, self.quotas.exceeded(app, code, self.clock.now()))
        response = self._answered(request, app, user, code, match.group("rest") or "current/Me")
        return replace(response, headers={"Cache-Control": "private", **headers, **response.headers})

    def _unauthorised(self, request: Request, code: int, rest: str) -> Response:
        """# Reference: section 6, the body of a 401 is unconfirmed; here it is empty."""
        owner = self.oauth.owner(request.bearer)
        if owner is not None:
            self.errors.note(*owner, code, rest.partition("(")[0], self.clock.now())
        return Response.empty(401, {"WWW-Authenticate": "Bearer"})

    def _blocked(self, app: App, user: User, code: int) -> bool:
        return self.errors.blocked_until(app.client_id, user.name, code, self.clock.now()) is not None

    def _answered(self, request: Request, app: App, user: User, code: int, rest: str) -> Response:
        try:
            response = self._served(request, app, user, code, rest)
        except Rule as rule:
            return _envelope(500, sentence(rule, user.language))
        except Refusal as refusal:
            self._note_refusal(request, refusal)
            response = _refused(refusal)
        if response.status in ERROR_STATUSES:
            self.errors.note(app.client_id, user.name, code, rest.partition("(")[0], self.clock.now())
        return response

    def _served(self, request: Request, app: App, user: User, code: int, rest: str) -> Response:
        division = self.divisions.get(code)
        if code and (division is None or not self.reaches(user, division)):
            raise Forbidden("Forbidden")
        endpoint, key, tail = resource(rest)
        if endpoint.path == "current/Me" and code:
            raise NotFound("Resource not found for the segment 'current'.")
        unreadable = _unreadable(request)
        if unreadable is not None:
            self.refuse(request, f"Answered {unreadable.status}: this sandbox speaks JSON only.")
            return unreadable
        root = f"{request.base_url}{request.path}".removesuffix(f"/{tail}" if tail else "").partition("(")[0]
        return answer(Call(self, request, endpoint, root, app, user, division, key, tail))

    def _note_refusal(self, request: Request, refusal: Refusal) -> None:
        if isinstance(refusal, (BadRequest, Forbidden, Gone, NotFound)) and refusal.message != "Resource not found.":
            self.refuse(request, refusal.message)


def _unreadable(request: Request) -> Response | None:
    """Without `Accept: application/json` Exact answers Atom, which this sandbox does not write: it says so with 406."""
    accepts = request.headers.get("accept", "")
    wants_json = "json" in accepts or request.parameter("$format") == "json"
    if not wants_json and request.method in ("GET", "POST"):
        return Response.html("Send 'Accept: application/json'; Exact would answer Atom XML here.", 406)
    if request.method in ("POST", "PUT") and "json" not in request.headers.get("content-type", ""):
        return Response.html("Unsupported media type requested.", 415)
    return Response.html("Request Entity Too Large", 413) if len(request.body) > LARGEST else None


def _refused(refusal: Refusal) -> Response:
    if isinstance(refusal, Unauthorised):
        return Response.empty(401)
    headers = {"Reason": refusal.message} if refusal.status == 403 else {}  # noqa: PLR2004
    return _envelope(refusal.status, refusal.message, headers)


def _envelope(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """# Reference: section 6."""
    return Response.json({"error": {"code": "", "message": {"lang": "", "value": text}}}, status, headers)
