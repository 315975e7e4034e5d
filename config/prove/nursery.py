"""Imported once by the process that all workers are forked from, so that a worker starts in milliseconds."""

import django

django.setup()

from config.prove import token_hands, worker  # noqa: E402, F401 - after the app registry
