"""What the trail tells those above it."""

from __future__ import annotations

from django.dispatch import Signal

# verification: AuditVerification. Somebody asked for a look at the whole trail; who has workers carries it out.
verification_asked = Signal()
