from django.contrib import admin
from django.urls import path

from connections import views

app_name = "connections"
urlpatterns = [
    path("<int:connection_id>/consent/", admin.site.admin_view(views.start), name="consent"),
    path("callback/<slug:system>/", views.callback, name="callback"),
]
