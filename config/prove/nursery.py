"""Imported once by the process that all workers are forked from, so that a worker starts in milliseconds."""

import django

django.setup()

# After the app registry. What the first statement, the first secret and the first plan would import is here too.
import django.db.models.sql.compiler  # noqa: E402
from cryptography.hazmat.backends.openssl import backend  # noqa: E402, F401

from config.prove import token_hands, worker  # noqa: E402, F401
from sync import recheck  # noqa: E402, F401
