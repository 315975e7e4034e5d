"""Signatures under files of the audit trail. Who copies the database cannot make one: the key opens with ours only."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.archive import Signer
from connections import clock
from connections.fields import DecryptionFailed, Secret
from connections.models import SigningKey

ARCHIVES = "archives"


def signer() -> Signer:
    """Raises `DecryptionFailed` when our keys do not open the signing key."""
    return Signer(public_key(), sign, trusts)


def sign(message: bytes) -> str:
    """The signature in hex. Makes the key at first use. Raises `DecryptionFailed` when ours do not open it."""
    return _private(_key()).sign(message).hex()


def public_key() -> str:
    """In hex, as a manifest tells it. Raises `DecryptionFailed`."""
    return _public(_private(_key()))


def trusts(message: str, signature: str) -> bool:
    """Whether the signature is by this installation. By the private key, not by what the row says is the public one:
    who writes into the database could put one of their own there.
    """
    row = SigningKey.objects.filter(name=ARCHIVES).first()
    if row is None:
        return False
    try:
        _private(row).public_key().verify(bytes.fromhex(signature), message.encode())
    except (DecryptionFailed, InvalidSignature, ValueError):
        return False
    return True


def _key() -> SigningKey:
    """Two at once agree on one: the name is unique."""
    made = Ed25519PrivateKey.generate()
    fresh = {"public": _public(made), "private": made.private_bytes_raw().hex(), "made_at": clock.now()}
    row, _ = SigningKey.objects.get_or_create(name=ARCHIVES, defaults=fresh)
    return row


def _private(row: SigningKey) -> Ed25519PrivateKey:
    secret = row.private
    if not isinstance(secret, Secret):
        raise DecryptionFailed
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret.open()))


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()
