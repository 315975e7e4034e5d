"""Key pairs: read from what a person pastes, compared by fingerprint, and the tokens signed with them.

Reference: snowflake.md section 2.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SMALLEST = 2048
# A token is valid for an hour after it was issued, whatever it says; it is renewed well before.
LIFETIME = timedelta(minutes=59)
RENEWED_AFTER = timedelta(minutes=50)
# A younger token was not refused for its age.
PATIENCE = timedelta(minutes=5)
LINE = 64
_PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----(?P<body>.*?)-----END (?P=kind)-----", re.DOTALL)
PRIVATE = ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")


class WrongKey(ValueError):
    """A key that cannot be used. The sentence says why and what to do; it holds nothing of the key."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    private: RSAPrivateKey = field(repr=False)

    @classmethod
    def read(cls, text: str, passphrase: str = "") -> KeyPair:
        """From PKCS#8 in PEM, encrypted or not. Line breaks lost on the way from a form are put back.

        Raises `WrongKey`.
        """
        found = _PEM.search(text)
        if found is None:
            raise WrongKey(
                "This is no private key. Paste the whole file, from '-----BEGIN' to 'PRIVATE KEY-----' at its end."
            )
        kind = found["kind"]
        if kind not in PRIVATE:
            raise WrongKey(_instead(kind))
        if kind == PRIVATE[1] and not passphrase:
            raise WrongKey("The private key is encrypted: enter its passphrase too.")
        if kind == PRIVATE[0] and passphrase:
            raise WrongKey("The private key is not encrypted: leave the passphrase empty.")
        return cls(_loaded(kind, found["body"], passphrase))

    @property
    def public(self) -> str:
        """As `ALTER USER ... SET RSA_PUBLIC_KEY` takes it: base 64 without line breaks."""
        return base64.b64encode(self._der).decode()

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)

    @property
    def _der(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(public: str) -> str:
    """As DESC USER shows it in RSA_PUBLIC_KEY_FP."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(public)).digest()).decode()


def _instead(kind: str) -> str:
    if "PUBLIC" in kind:
        return "This is the public key. Paste the private one here; the public one is registered at the Snowflake user."
    if "CERTIFICATE" in kind:
        return "This is a certificate. Paste the private key in PKCS#8."
    return (
        f"This key is in the form '{kind.title()}'. Snowflake's guides use PKCS#8: convert it with "
        "`openssl pkcs8 -topk8 -in key.pem -out key.p8`."
    )


def _loaded(kind: str, body: str, passphrase: str) -> RSAPrivateKey:
    text = re.sub(r"\s+", "", body)
    lines = "\n".join(text[start : start + LINE] for start in range(0, len(text), LINE))
    pem = f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"
    try:
        key = load_pem_private_key(pem.encode(), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Which of the two it is, the format does not tell.
        if passphrase:
            raise WrongKey("The passphrase does not open the private key, or the key is damaged.") from None
        raise WrongKey("The private key cannot be read: part of it is missing or damaged.") from None
    if not isinstance(key, RSAPrivateKey):
        raise WrongKey("Snowflake's SQL API takes RSA keys only; this is another kind.")
    if key.key_size < SMALLEST:
        raise WrongKey(f"The key has {key.key_size} bits; Snowflake asks for at least {SMALLEST}.")
    return key


def token(key: KeyPair, *, account: str, user: str, at: datetime) -> str:
    """A JWT for one hour at most. `account` as in tokens; `user` exactly as Snowflake keeps it."""
    subject = f"{account}.{user}"
    issued = int(at.timestamp())
    claims = {
        "iss": f"{subject}.{key.fingerprint}",
        "sub": subject,
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
    }
    return jwt.encode(claims, key.private, algorithm="RS256")


class KeyPairTokens:
    """A source of tokens from one key, or from two while one replaces the other.

    A refused token is followed by one of the other key; without another key only an old token is signed anew.
    """

    def __init__(self, keys: Sequence[KeyPair], *, account: str, user: str, now: Callable[[], datetime]) -> None:
        if not keys:
            raise ValueError("a source of tokens needs a key")
        self.keys, self.account, self.user, self.now = keys, account, user, now
        self.place = 0
        self._refused: set[int] = set()
        self._token = ""
        self._made_at: datetime | None = None

    @property
    def key(self) -> KeyPair:
        """The one in use."""
        return self.keys[self.place]

    def current(self) -> str:
        now = self.now()
        if self._made_at is None or not self._made_at <= now < self._made_at + RENEWED_AFTER:
            self._token = token(self.key, account=self.account, user=self.user, at=now)
            self._made_at = now
        return self._token

    def renewed(self, refused: str) -> str:
        """The refused one again where nothing else is to be had."""
        if refused != self._token:
            return self.current()
        if self._made_at and self.now() - self._made_at <= PATIENCE and not self._turn():
            return refused
        self._made_at = None
        return self.current()

    def _turn(self) -> bool:
        """To a key that was not refused yet; when none is left, all may be tried again later."""
        self._refused.add(self.place)
        untried = [place for place in range(len(self.keys)) if place not in self._refused]
        if not untried:
            self._refused.clear()
            return False
        self.place = untried[0]
        return True
