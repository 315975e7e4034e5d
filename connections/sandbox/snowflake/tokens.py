"""Who calls: the JWT of a key pair, really verified. Written from the rules of RFC 7519 without a JWT library, so that
a client's library cannot agree with itself.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from connections.sandbox.snowflake.errors import Denied, bad_token
from connections.sandbox.snowflake.people import PublicKey, User

if TYPE_CHECKING:
    from connections.sandbox.snowflake.account import Account
    from connections.sandbox.wire import Request

ALGORITHMS: Mapping[str, type[HashAlgorithm]] = {"RS256": SHA256, "RS384": SHA384, "RS512": SHA512}
HOUR = 3600
# A guess: how far a caller's clock may be ahead of Snowflake's.
LEEWAY = 60
MILLISECONDS = 10_000_000_000
PARTS = 3


class _Wrong(Exception):
    """Why a token is not taken, in the words an administrator gets to see."""


def caller(account: Account, request: Request, now: datetime) -> User:
    """Raises `Denied`. # Reference: section 2."""
    kind = request.headers.get("x-snowflake-authorization-token-type", "")
    if kind and kind != "KEYPAIR_JWT":
        raise Denied(401, "390303", "Invalid OAuth access token.", reason=f"token type {kind} is not supported here")
    if not kind and account.switches.token_type_required:
        raise Denied(401, "390303", "Invalid OAuth access token.", reason="no token type; OAuth is assumed")
    if not request.bearer:
        # The code is a guess.
        raise Denied(401, "390101", "Authorization header not found in the request data.")
    try:
        return _verified(account, request.bearer, now.timestamp())
    except _Wrong as wrong:
        incident = str(uuid.UUID(int=account.chance.getrandbits(128), version=4))
        account.login_failures[incident] = str(wrong)
        raise bad_token(incident, str(wrong)) from None


def _verified(account: Account, token: str, now: float) -> User:
    head, body, signature = _decoded(token)
    user, fingerprint = _named(account, body)
    key = next((key for key in user.keys if key.fingerprint == fingerprint), None)
    if key is None:
        raise _Wrong("JWT_TOKEN_INVALID_PUBLIC_KEY_FINGERPRINT_MISMATCH")
    _check_signature(key, head, token, signature)
    _check_times(body, now)
    if user.disabled:
        raise _Wrong("USER_ACCESS_DISABLED")
    return user


def _decoded(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any], bytes]:
    parts = token.split(".")
    if len(parts) != PARTS:
        raise _Wrong("JWT_TOKEN_INVALID")
    try:
        head, body = (json.loads(_bytes(part)) for part in parts[:2])
        signature = _bytes(parts[2])
    except ValueError:
        raise _Wrong("JWT_TOKEN_INVALID") from None
    if not isinstance(head, dict) or not isinstance(body, dict):
        raise _Wrong("JWT_TOKEN_INVALID")
    return head, body, signature


def _bytes(part: str) -> bytes:
    if "=" in part:
        raise ValueError("a JWT is not padded")
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _named(account: Account, body: Mapping[str, Any]) -> tuple[User, str]:
    """iss = ACCOUNT.USER.SHA256:<fingerprint>, sub = ACCOUNT.USER, both upper case."""
    subject, issuer = body.get("sub"), body.get("iss")
    if not isinstance(subject, str) or not isinstance(issuer, str) or not issuer.startswith(f"{subject}.SHA256:"):
        raise _Wrong("JWT_TOKEN_INVALID_USER_IN_ISSUER")
    where, _, name = subject.partition(".")
    if where != account.name or name not in account.users:
        raise _Wrong("JWT_TOKEN_INVALID_USER_IN_ISSUER")
    return account.users[name], issuer.removeprefix(f"{subject}.")


def _check_signature(key: PublicKey, head: Mapping[str, Any], token: str, signature: bytes) -> None:
    algorithm = ALGORITHMS.get(str(head.get("alg")))
    if algorithm is None:
        raise _Wrong("JWT_TOKEN_INVALID_ALGORITHM")
    try:
        key.key.verify(signature, token.rpartition(".")[0].encode(), PKCS1v15(), algorithm())
    except InvalidSignature:
        raise _Wrong("JWT_TOKEN_INVALID_SIGNATURE") from None


def _check_times(body: Mapping[str, Any], now: float) -> None:
    """An hour after iat at most, even where exp is later."""
    issued, expires = _seconds(body.get("iat")), _seconds(body.get("exp"))
    if issued is None or expires is None or issued > now + LEEWAY:
        raise _Wrong("JWT_TOKEN_INVALID_ISSUE_TIME")
    if now >= min(expires, issued + HOUR):
        raise _Wrong("JWT_TOKEN_EXPIRED")


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value / 1000 if value > MILLISECONDS else float(value)
