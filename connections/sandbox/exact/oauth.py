"""Consent and tokens: section 2 of the reference."""

from __future__ import annotations

import base64
import binascii
import html
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from connections.sandbox.exact.apps import AccessToken, App, Chain, Code, RefreshToken, TokenPair, User
from connections.sandbox.wire import Request, Response

if TYPE_CHECKING:
    from connections.sandbox.exact.site import ExactSite

ACCESS_LIFE = timedelta(seconds=600)
REFRESH_LIFE = timedelta(days=30)
CODE_LIFE = timedelta(minutes=3)
NOT_BEFORE = timedelta(seconds=570)
TOO_EARLY = "Rate limit exceeded: access_token not expired"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_AUTH_PARAMETERS = frozenset(("client_id", "redirect_uri", "response_type", "state", "force_login", "scope"))
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STYLE = "body{font:16px sans-serif;max-width:32rem;margin:4rem auto}button{font:inherit}.error{color:#a00}"
_HEADERS = {"Cache-Control": "private", "Pragma": "no-cache"}


class OAuth:
    def __init__(self, site: ExactSite, seed: int) -> None:
        self._site = site
        self._random = random.Random(f"{seed}/{site.region}/oauth")
        self.codes: dict[str, Code] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}

    # -- consent

    def authorize(self, request: Request) -> Response:
        """The consent page, or an HTML page that says why there is none."""
        asked = dict(request.query) if request.method == "GET" else request.form
        unknown = set(asked) - _AUTH_PARAMETERS - {"decision", "user"}
        app = self._site.apps.get(asked.get("client_id", ""))
        problem = self._problem(app, asked, unknown)
        if problem or app is None:
            self._site.refuse(request, problem)
            return Response.html(_page("Exact Online", f"<p class='error'>{html.escape(problem)}</p>"), 400)
        if request.method == "POST":
            return self._decided(asked)
        return Response.html(self._consent_page(app, asked))

    def _problem(self, app: App | None, asked: dict[str, str], unknown: set[str]) -> str:
        if unknown:
            return f"The parameter {min(unknown)} is not supported."
        if app is None:
            return "The client id is not valid."
        if not _acceptable(app, asked.get("redirect_uri", "")):
            return "The callback URI is not valid."
        return "" if asked.get("response_type") == "code" else "The response type is not supported."

    def _consent_page(self, app: App, asked: dict[str, str]) -> str:
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in asked.items()
        )
        users = "".join(
            f'<option value="{html.escape(name)}">{html.escape(name)}</option>' for name in self._site.users
        )
        return _page(
            "Exact Online",
            f"<p>App <b>{html.escape(app.client_id)}</b> asks for access to your administrations.</p>"
            f'<form method="post" action="">{hidden}<p><label>User <select name="user">{users}</select></label></p>'
            '<button name="decision" value="allow">Allow</button> '
            '<button name="decision" value="deny">Deny</button></form>',
        )

    def _decided(self, asked: dict[str, str]) -> Response:
        answer = {"state": asked["state"]} if "state" in asked else {}
        if asked.get("decision") == "allow":
            user = asked.get("user") or next(iter(self._site.users))
            answer = {"code": self.code(asked["client_id"], asked["redirect_uri"], user), **answer}
        else:
            # A guess: the form of a denial is not recorded; RFC 6749 section 4.1.2.1 is the likely one.
            answer = {"error": "access_denied", **answer}
        joint = "&" if urlsplit(asked["redirect_uri"]).query else "?"
        return Response.redirect(f"{asked['redirect_uri']}{joint}{urlencode(answer)}")

    def code(self, client_id: str, redirect_uri: str, user: str) -> str:
        """A code as the consent page would send it."""
        text = f"stamp{self._site.region.upper()}001.{self._text(6)}!{self._text(180)}"
        self.codes[text] = Code(text, client_id, user, redirect_uri, self._now() + CODE_LIFE)
        return text

    # -- the token endpoint

    def token(self, request: Request) -> Response:
        form = request.form
        app = self._app(request, form)
        if request.method != "POST" or app is None:
            return _failed("invalid_request")
        if form.get("grant_type") == "authorization_code":
            return self._exchange(app, form)
        if form.get("grant_type") == "refresh_token":
            return self._renew(app, form)
        return _failed("invalid_request")

    def _app(self, request: Request, form: dict[str, str]) -> App | None:
        identity, secret = form.get("client_id", ""), form.get("client_secret", "")
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if not identity and kind.lower() == "basic" and self._site.switches.basic_auth:
            try:
                identity, _, secret = base64.b64decode(encoded).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
        app = self._site.apps.get(identity.strip("{}"))
        return app if app and app.client_secret == secret else None

    def _exchange(self, app: App, form: dict[str, str]) -> Response:
        code = self.codes.get(form.get("code", ""))
        fits = code is not None and (code.client_id, code.redirect_uri) == (app.client_id, form.get("redirect_uri"))
        if code is None or not fits or code.used or code.expires_at < self._now():
            return _failed("invalid_request")
        code.used = True
        return self._granted(self.start(app.client_id, code.user))

    def _renew(self, app: App, form: dict[str, str]) -> Response:
        """A used token ends the chain; then age; then the 570 seconds."""
        token = self.refresh.get(form.get("refresh_token", ""))
        now = self._now()
        if token is None or token.chain.client_id != app.client_id:
            return _failed("invalid_request")
        if token.used or not token.chain.alive:
            token.chain.alive = False
            return _failed(
                "unauthorized_client", "Old refresh token used.", status=self._site.switches.used_refresh_status
            )
        if token.expires_at < now:
            said = f"The refresh token expired at {_american(token.expires_at)} and it is now {_american(now)}"
            return _failed("invalid_request", said)
        if token.chain.granted_at and now < token.chain.granted_at + NOT_BEFORE:
            reason = {"Reason": f"TooEarlyToRefreshTokens: {TOO_EARLY}"}
            return _failed("access_denied", TOO_EARLY, headers=reason)
        token.used = True
        return self._granted(self._pair(token.chain))

    def start(self, client_id: str, user: str) -> TokenPair:
        """The first pair of a new chain. The same user's earlier chain with this app ends."""
        if self._site.switches.one_chain_per_user:
            for token in self.refresh.values():
                if (token.chain.client_id, token.chain.user) == (client_id, user):
                    token.chain.alive = False
        return self._pair(Chain(client_id, user))

    def _pair(self, chain: Chain) -> TokenPair:
        now = self._now()
        chain.granted_at = now
        pair = TokenPair(
            f"{self._site.region}.{self._text(547)}", f"stamp{self._site.region.upper()}001.{self._text(258)}"
        )
        self.access[pair.access_token] = AccessToken(pair.access_token, chain, now + ACCESS_LIFE)
        self.refresh[pair.refresh_token] = RefreshToken(pair.refresh_token, chain, now + REFRESH_LIFE)
        return pair

    @staticmethod
    def _granted(pair: TokenPair) -> Response:
        """# Reference: section 2.3, `expires_in` is a string."""
        body = {
            "access_token": pair.access_token,
            "token_type": "bearer",
            "expires_in": str(pair.expires_in),
            "refresh_token": pair.refresh_token,
        }
        return Response.json(body, headers=_HEADERS)

    # -- what the API asks

    def bearer(self, token: str, at: datetime) -> tuple[App, User] | None:
        """Whose token this is, when it is good at that time."""
        known = self.access.get(token)
        if known is None or known.revoked or known.expires_at <= at:
            return None
        app = self._site.apps.get(known.chain.client_id)
        return (app, self._site.user(known.chain.user)) if app else None

    def owner(self, token: str) -> tuple[str, str] | None:
        """(client, user) of a token that may be no longer good: its errors still count."""
        known = self.access.get(token)
        return (known.chain.client_id, known.chain.user) if known else None

    def expire(self, token: str) -> None:
        if token in self.access:
            self.access[token].expires_at = self._now()

    def revoke(self, client_id: str, user: str | None = None) -> int:
        """Withdraw the consent; returns how many chains ended."""
        chains = {id(token.chain): token.chain for token in self.refresh.values() if token.chain.alive}
        ended = [c for c in chains.values() if c.client_id == client_id and user in (None, c.user)]
        for chain in ended:
            chain.alive = False
        for token in self.access.values():
            token.revoked = token.revoked or any(token.chain is chain for chain in ended)
        return len(ended)

    def _now(self) -> datetime:
        return self._site.clock.now()

    def _text(self, length: int) -> str:
        return "".join(self._random.choices(_ALPHABET, k=length))


def _acceptable(app: App, uri: str) -> bool:
    """# Reference: section 2.2, https and equal to a registered one, character by character."""
    if uri not in app.redirect_uris:
        return False
    url = urlsplit(uri)
    return url.scheme == "https" or (app.loopback_redirect and url.scheme == "http" and url.hostname in _LOOPBACK)


def _failed(error: str, description: str = "", *, status: int = 400, headers: dict[str, str] | None = None) -> Response:
    body = {"error": error, "error_description": description} if description else {"error": error}
    return Response.json(body, status, {**_HEADERS, **(headers or {})})


def _american(moment: datetime) -> str:
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"  # noqa: PLR2004
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment:%M:%S} {half}"


def _page(title: str, inside: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1><p>Local sandbox</p>{inside}</body></html>"
    )
