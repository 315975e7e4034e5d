from django.urls import path

from connections import webhook_views

app_name = "webhooks"
urlpatterns = [path("<slug:system>/<int:connection_id>/", webhook_views.take, name="take")]
