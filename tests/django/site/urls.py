from django.contrib import admin
from django.urls import include, path

from durable_celery.web.django import urls
from tests.django.site.celery import durable


def staff(function, id, action, request):
    return request.user.is_staff


urlpatterns = [
    path("admin/", admin.site.urls),
    path("durable/", include(urls(durable, expose=["ship", "approve"], authorize=staff))),
]
