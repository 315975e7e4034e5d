"""Seal every stored secret again, with the first of the keys."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Model

from audit import trail
from connections import clock
from connections.fields import DecryptionFailed, SealedTextField, Secret


class Command(BaseCommand):
    help = (
        "Seal every stored secret with the first SALT_KEY and SECRET_KEY. Without downtime, restarting one process "
        "after the other at each step: add the new key behind the old one (SALT_KEY, or SECRET_KEY_FALLBACKS), so that "
        "all can read it; put it in front; run this; remove the old key. May be run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        sealed, locked = 0, []
        for model in with_secrets():
            rows = model._default_manager.order_by("pk")
            for row in rows.defer(*secrets_of(model)):
                try:
                    sealed += reseal(model, row.pk)
                except DecryptionFailed:
                    locked.append(str(row))
        factors, unopened = reseal_factors()
        locked += unopened
        self.stdout.write(f"{sealed} secrets and {factors} second factors sealed with the first key.")
        if locked:
            raise CommandError(
                f"No key opens the secrets of: {', '.join(locked)}. They were left as they are; "
                "keep the old keys until they open, or enter these secrets again."
            )


def reseal_factors() -> tuple[int, list[str]]:
    """How many secrets of people's second factors were sealed again, and whose no key opens."""
    sealed, locked = 0, []
    for key in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().select_related("user").get(pk=key)
            held = {name: Secret(row.data[name]) for name in ("secret", "seed") if name in row.data}
            try:
                row.data |= {name: secret.resealed().token for name, secret in held.items()}
            except DecryptionFailed:
                locked.append(f"the second factor of {row.user.get_username()}")
                continue
            row.save(update_fields=["data"])
            sealed += len(held)
    return sealed, locked


def with_secrets() -> list[type[Model]]:
    """Every table that holds one: a new column is found by being sealed."""
    return [model for model in apps.get_models() if secrets_of(model)]


def secrets_of(model: type[Model]) -> list[str]:
    return [field.name for field in model._meta.get_fields() if isinstance(field, SealedTextField)]


def reseal(model: type[Model], pk: int) -> int:
    """How many secrets of the row were sealed again; all of them or, with `DecryptionFailed`, none.

    Under the row's lock, so that a token that is renewed meanwhile is not overwritten by its predecessor.
    """
    names, rows = secrets_of(model), model._default_manager
    with transaction.atomic():
        row = rows.select_for_update().get(pk=pk)
        held: dict[str, Secret] = {name: getattr(row, name) for name in names if getattr(row, name) is not None}
        if not held:
            return 0
        rows.filter(pk=pk).update(**{name: secret.resealed() for name, secret in held.items()})
        name = str(model._meta.model_name)
        trail.record([trail.Fact(f"{name}.resealed", name, pk, str(row), detail={"count": len(held)})], at=clock.now())
    return len(held)
