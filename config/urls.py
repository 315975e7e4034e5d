from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import healthz

handler500 = "config.errors.failed"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("accounts/", include("allauth.urls")),
    path("connections/", include("connections.urls")),
    path("webhooks/", include("connections.webhook_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("healthz", healthz.healthz),
    path("healthz/live", healthz.live),
    path("healthz/ready", healthz.ready),
    path("metrics", healthz.metrics),
    path("admin/", admin.site.urls),
]
