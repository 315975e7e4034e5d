"""Signatures under archives: by a key that stands sealed in the database and opens with ours only."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from audit.verifier import signed
from connections import signing
from connections.fields import DecryptionFailed
from connections.models import SigningKey


def test_what_is_signed_is_trusted_and_nothing_else(db: None) -> None:
    signature = signing.sign(b"manifest")
    assert signing.trusts("manifest", signature)
    assert not signing.trusts("another", signature)
    assert not signing.trusts("manifest", "00" * 64)
    assert not signing.trusts("manifest", "no hex")
    assert signing.sign(b"manifest") == signature, "one key, made once"


def test_the_private_key_stands_sealed(db: None) -> None:
    signing.sign(b"x")
    row = SigningKey.objects.values().get()
    assert str(row["private"]) == "[sealed]"
    assert row["public"] == signing.public_key()


def test_a_key_that_somebody_wrote_into_the_database_is_not_trusted(db: None) -> None:
    forged = Ed25519PrivateKey.generate()
    signing.sign(b"x")
    SigningKey.objects.update(public=forged.public_key().public_bytes_raw().hex())
    assert not signing.trusts("manifest", forged.sign(b"manifest").hex())


def test_with_other_keys_of_the_installation_nothing_is_signed_or_trusted(db: None, settings: Settings) -> None:
    signature = signing.sign(b"manifest")
    settings.SALT_KEY = ["another-salt-0123456789abcdef"]
    assert not signing.trusts("manifest", signature)
    with pytest.raises(DecryptionFailed):
        signing.sign(b"manifest")


def test_rotating_the_keys_keeps_the_signing_key(db: None, settings: Settings) -> None:
    signature, old = signing.sign(b"manifest"), settings.SALT_KEY
    settings.SALT_KEY = ["another-salt-0123456789abcdef", *old]
    call_command("rotate_secrets", verbosity=0)
    settings.SALT_KEY = settings.SALT_KEY[:1]
    assert signing.trusts("manifest", signature)
    assert signing.sign(b"manifest") == signature


@settings(max_examples=15, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=40))
def test_the_auditors_verifier_agrees_with_the_library(seed: bytes, message: bytes) -> None:
    """It brings its own arithmetic, because it may need nothing but Python."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw().hex(), key.sign(message)
    assert signed(message, signature.hex(), public)
    assert not signed(message + b"x", signature.hex(), public)
