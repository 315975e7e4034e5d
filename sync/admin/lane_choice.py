"""Which lanes a list or a form offers: those whose rows it holds, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from sync.models import SyncLane
from sync.models.lanes import BOOKING, CUSTOMERS

if TYPE_CHECKING:
    from audit.adminkit import BackOfficeAdmin as _Base
else:
    _Base = object


class BookingLanes(admin.RelatedFieldListFilter):
    """A filter by lane for what only booking lanes write. One lane is shown too: a link may have chosen it."""

    flow = BOOKING

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        order = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=order, limit_choices_to={"flow": self.flow})

    def has_output(self) -> bool:
        return bool(self.lookup_choices)


class CustomerLanes(BookingLanes):
    flow = CUSTOMERS


class AsksBookingLane(_Base):
    """For the admin of what a person states about a lane that books."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "lane":
            kwargs["queryset"] = SyncLane.objects.filter(flow=BOOKING)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
