"""The OAuth pages and endpoints: consent, token, revoke, status.

Reference: OpenAPI ObtainToken, RevokeToken, RetrieveTokenStatus; docs o-auth/authorize. The messages for missing
parameters are guesses; they keep the shape that was seen in the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from connections.sandbox.square import times
from connections.sandbox.square.errors import LegacyError, SquareError, answer
from connections.sandbox.square.facts import Json, facts
from connections.sandbox.square.grants import DEFAULT_SCOPES, AccessToken, App, Grant, Grants, challenge_of
from connections.sandbox.square.parameters import checked_body
from connections.sandbox.wire import Request, Response

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Square sandbox: {title}</title></head>
<body><main><h1>{title}</h1>{content}</main></body></html>"""
_CONSENT = """<p>{app} would like to access the Square account {merchant}:</p><ul>{scopes}</ul>
<form method="post" action="{action}">{fields}
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button></form>"""


class _BadRequest(Exception):
    """Shown to the person as a page: there is no safe address to send them back to."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A consent request. `given_uri` is the redirect address as it stood in the request, perhaps empty."""

    app: App
    scopes: tuple[str, ...]
    state: str
    given_uri: str
    challenge: str

    def back(self, **values: str) -> Response:
        uri = self.given_uri or self.app.redirect_uris[0]
        state = {"state": self.state} if self.state else {}
        return Response.redirect(f"{uri}{'&' if '?' in uri else '?'}{urlencode({**values, **state})}")


class OAuth:
    def __init__(self, grants: Grants, merchant: Json) -> None:
        self.grants = grants
        self.merchant = merchant

    def authorize(self, request: Request) -> Response:
        """GET shows the consent page, POST is its answer. Unknown parameters are ignored, as Square ignores them."""
        values = request.form if request.method == "POST" else dict(request.query)
        try:
            asked = self._asked(values)
        except _BadRequest as problem:
            return _page("This request cannot be authorised", f"<p>{escape(str(problem))}</p>", 400)
        if request.method == "POST":
            return self._decided(asked, values.get("decision", ""))
        if (asked.app.client_id, frozenset(asked.scopes)) in self.grants.consented:
            return self._allowed(asked)
        return self._consent_page(asked, request.base_url)

    def _asked(self, values: dict[str, str]) -> _Asked:
        app = self.grants.apps.get(values.get("client_id", ""))
        if app is None:
            raise _BadRequest("There is no application with this client_id.")
        uri = values.get("redirect_uri", "")
        if uri not in (*app.redirect_uris, "") or not app.redirect_uris:
            raise _BadRequest("The redirect_uri is not registered for this application.")
        scopes = tuple(dict.fromkeys(values.get("scope", "").replace("+", " ").split())) or DEFAULT_SCOPES
        unknown = [scope for scope in scopes if scope not in facts()["scopes"]]
        if unknown:
            raise _BadRequest(f"Unknown scope: {', '.join(unknown)}.")
        return _Asked(app, scopes, values.get("state", ""), uri, values.get("code_challenge", ""))

    def _decided(self, asked: _Asked, decision: str) -> Response:
        if decision == "allow":
            return self._allowed(asked)
        return asked.back(error="access_denied", error_description="user_denied")

    def _allowed(self, asked: _Asked) -> Response:
        code = self.grants.code(asked.app, asked.scopes, redirect_uri=asked.given_uri, challenge=asked.challenge)
        return asked.back(code=code.value, response_type="code")

    def _consent_page(self, asked: _Asked, base_url: str) -> Response:
        fields = {
            "client_id": asked.app.client_id,
            "scope": " ".join(asked.scopes),
            "state": asked.state,
            "redirect_uri": asked.given_uri,
            "code_challenge": asked.challenge,
        }
        hidden = (
            f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items() if value
        )
        content = _CONSENT.format(
            app=escape(asked.app.name),
            merchant=escape(str(self.merchant.get("business_name", ""))),
            scopes="".join(f"<li>{escape(scope)}</li>" for scope in asked.scopes),
            action=escape(f"{base_url}/oauth2/authorize"),
            fields="".join(hidden),
        )
        return _page("Allow access?", content)

    def token(self, request: Request) -> Response:
        try:
            body = checked_body(request, "ObtainTokenRequest")
        except SquareError as error:
            raise LegacyError(error.status, error.detail, "bad_request") from None
        kind = body["grant_type"]
        if kind == "authorization_code":
            grant = self._exchanged(body)
        elif kind == "refresh_token":
            grant = self._refreshed(body)
        else:
            raise LegacyError(400, f"Unsupported grant type: {kind}", "bad_request")
        token = self.grants.token(
            grant, scopes=tuple(body.get("scopes", ())), short_lived=body.get("short_lived", False)
        )
        return answer(self._answered(token))

    def _exchanged(self, body: Json) -> Grant:
        client_id, value = body["client_id"], _needed(body, "code")
        if "code_verifier" in body:
            code = self.grants.redeem(client_id, value, redirect_uri=body.get("redirect_uri", ""))
            if not code.challenge or challenge_of(body["code_verifier"]) != code.challenge:
                raise LegacyError(401, "Not Authorized")
            return self.grants.grant(code.app, code.scopes, pkce=True)
        app = self.grants.authenticated(client_id, _needed(body, "client_secret"))
        code = self.grants.redeem(client_id, value, redirect_uri=body.get("redirect_uri", ""))
        return self.grants.grant(app, code.scopes)

    def _refreshed(self, body: Json) -> Grant:
        """A PKCE refresh token is its own proof; the other kind needs the secret."""
        given = _needed(body, "refresh_token")
        known = self.grants.refreshable.get(given)
        if known is None or not known.pkce:
            self.grants.authenticated(body["client_id"], body.get("client_secret", ""))
        return self.grants.refresh(body["client_id"], given)

    def _answered(self, token: AccessToken) -> Json:
        """Only an absolute `expires_at`: there is no `expires_in`."""
        data = {
            "access_token": token.value,
            "token_type": "bearer",
            "expires_at": times.whole(token.expires_at),
            "merchant_id": self.merchant["id"],
            "refresh_token": token.grant.refresh_token,
            "short_lived": token.short_lived,
        }
        if token.grant.expires_at is not None:
            data["refresh_token_expires_at"] = times.whole(token.grant.expires_at)
        return data

    def revoke(self, request: Request) -> Response:
        try:
            body = checked_body(request, "RevokeTokenRequest")
        except SquareError as error:
            raise LegacyError(error.status, error.detail, "bad_request") from None
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        app = self.grants.authenticated(body.get("client_id", ""), secret.strip() if kind == "Client" else "")
        if ("access_token" in body) == ("merchant_id" in body):
            raise LegacyError(400, "Exactly one of access_token and merchant_id is needed", "bad_request")
        self._revoked(app, body)
        return answer({"success": True})

    def _revoked(self, app: App, body: Json) -> None:
        if "merchant_id" in body:
            if body["merchant_id"] != self.merchant["id"]:
                raise LegacyError(404, "Merchant not found", "not_found")
            self.grants.revoke(app.client_id)
            return
        token = self.grants.tokens.get(body["access_token"])
        if token is None or token.grant.app != app:
            raise LegacyError(404, "Access token not found", "not_found")
        if body.get("revoke_only_access_token"):
            token.revoked = True
        else:
            self.grants.revoke(app.client_id)

    def status(self, request: Request) -> Response:
        try:
            token = self.grants.live(request.bearer)
        except SquareError as error:
            raise SquareError(401, "UNAUTHORIZED", error.detail) from None
        return answer(
            {
                "scopes": list(token.scopes),
                "expires_at": times.whole(token.expires_at),
                "client_id": token.grant.app.client_id,
                "merchant_id": self.merchant["id"],
            }
        )


def _needed(body: Json, name: str) -> str:
    if not body.get(name):
        raise LegacyError(400, f"Missing required parameter: {name}", "bad_request")
    return str(body[name])


def _page(title: str, content: str, status: int = 200) -> Response:
    return Response.html(_PAGE.format(title=escape(title), content=content), status)
