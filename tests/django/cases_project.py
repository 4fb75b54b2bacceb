"""The application among others: nothing to migrate, permissions, and checks that say what to do."""

from __future__ import annotations

import io
import json
import sys
import types
from contextlib import contextmanager

import pytest
from celery import Celery
from django.contrib.auth.models import Permission
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.urls import clear_url_caches, include, path

from durable_celery import Durable
from durable_celery.django import checks
from durable_celery.stores.local import LocalStore
from durable_celery.web.django import urls
from tests.django.site.celery import durable


@contextmanager
def included(*mounted, **settings):
    """The site with these URLs."""
    module = sys.modules["tests.django.mounted"] = types.ModuleType("tests.django.mounted")
    module.urlpatterns = [path(f"{number}/", include(each)) for number, each in enumerate(mounted)]
    try:
        with override_settings(ROOT_URLCONF="tests.django.mounted", **settings):
            clear_url_caches()
            yield
    finally:
        clear_url_caches()
        del sys.modules["tests.django.mounted"]


def found(**said) -> dict[str, str]:
    """What the checks say, by id, with the hint."""
    return {each.id: each.hint for each in run_checks(tags=[checks.TAG], **said)}


def test_there_is_nothing_to_migrate_and_no_table() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)

    assert not [name for name in connection.introspection.table_names() if name.startswith("durable")]


def test_there_are_permissions_to_look_and_to_act() -> None:
    names = Permission.objects.filter(content_type__app_label="durable_celery").values_list("codename", flat=True)
    assert set(names) == {"view_execution", "change_execution"}


@pytest.mark.parametrize("everything", [False, True])
def test_a_dump_of_the_database_passes_by(everything: bool) -> None:
    dump = io.StringIO()
    call_command("dumpdata", use_base_manager=everything, stdout=dump)

    assert "durable_celery.execution" not in {each["model"] for each in json.loads(dump.getvalue())}


def test_this_project_is_in_order() -> None:
    assert run_checks() == []


@pytest.mark.parametrize(
    ("said", "id"),
    [
        (None, "durable_celery.E001"),
        ("", "durable_celery.E001"),
        ("nowhere.durable", "durable_celery.E002"),
        ("nowhere", "durable_celery.E002"),
        ("tests.django.site.celery.missing", "durable_celery.E002"),
        ("tests.django.elsewhere.durable", "durable_celery.E002"),
        ("tests.django.site.celery.app", "durable_celery.E003"),
    ],
)
def test_a_setting_that_leads_to_no_durable_is_an_error(said: str | None, id: str) -> None:
    with override_settings(DURABLE=said):
        assert 'DURABLE = "shop.celery.durable"' in found()[id]


def test_urls_that_are_open_to_everybody_are_told() -> None:
    with included(urls(durable, expose=["ship"])):
        assert "authorize" in found()["durable_celery.W001"]
    with included(urls(durable, expose=["ship"], authorize=lambda *_: True)):
        assert found() == {}


def test_synchronous_urls_of_a_site_on_asgi_are_told() -> None:
    closed = {"expose": ["ship"], "authorize": lambda *_: True}
    with included(urls(durable, **closed), ASGI_APPLICATION="site.asgi.application"):
        assert "asynchronous=True" in found()["durable_celery.W002"]
    with included(urls(durable, asynchronous=True, **closed), ASGI_APPLICATION="site.asgi.application"):
        assert found() == {}


def test_urls_that_other_sites_could_call_for_a_user_are_told() -> None:
    only_sessions = ["django.contrib.sessions.middleware.SessionMiddleware"]
    with included(urls(durable, expose=["ship"], authorize=lambda *_: True), MIDDLEWARE=only_sessions):
        assert "CsrfViewMiddleware" in found()["durable_celery.W003"]


def test_the_store_is_asked_before_a_deployment_only() -> None:
    away = Durable(Celery(broker="redis://127.0.0.1:1/0"))
    away.app.conf.durable_store_timeout = 0.2
    with override_settings(DURABLE=away):
        assert found() == {}
        assert "durable_store_url" in found(include_deployment_checks=True)["durable_celery.W005"]
    with override_settings(DURABLE=Durable.local()):
        assert "Durable(app)" in found(include_deployment_checks=True)["durable_celery.W004"]
    assert found(include_deployment_checks=True) == {}


def test_a_broker_that_would_be_waited_for_without_end_is_told_before_a_deployment() -> None:
    elsewhere = Durable(Celery(broker="redis://10.255.255.1/0"), store=LocalStore())
    with override_settings(DURABLE=elsewhere):
        assert "durable_celery.W006" not in found()
        assert "socket_timeout" in found(include_deployment_checks=True)["durable_celery.W006"]
        elsewhere.app.conf.broker_transport_options = {"socket_timeout": 5}
        assert "durable_celery.W006" not in found(include_deployment_checks=True)
