"""The admin's pages, with Django's own client, users and permissions."""

from __future__ import annotations

import re
import uuid

import pytest
from celery import Celery
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.urls import reverse

from durable_celery import Durable
from durable_celery.dev.child import wait_until
from durable_celery.django import execution_link
from tests.django.site.celery import durable
from tests.django.site.orders.models import Order
from tests.django.site.orders.tasks import approve, count, echo, refuse, ship

LIST = "/admin/durable_celery/execution/"


def client(*permissions: str, superuser: bool = False, **said) -> Client:
    """Of a user of the admin with these permissions."""
    user = User.objects.create(username=str(uuid.uuid4()), is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    made = Client(**said)
    made.force_login(user)
    return made


@pytest.fixture
def chief() -> Client:
    return client(superuser=True)


@pytest.fixture
def id() -> str:
    return f"admin-{uuid.uuid4()}"


def page(id: str, action: str = "change") -> str:
    return reverse(f"admin:durable_celery_execution_{action}", args=[id.replace("_", "_5F")])


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def waits(id: str) -> None:
    handle = approve.run(id, "ann")
    assert wait_until(lambda: handle.status == "suspended", 20), handle.promise()


class TestLooking:
    def test_the_index_leads_to_the_list(self, chief: Client) -> None:
        assert f'href="{LIST}"' in chief.get("/admin/").content.decode()

    def test_a_page_shows_the_steps_that_a_worker_performed(self, site, chief: Client, id: str) -> None:
        ship.call(id, Order.objects.create(item="tea").pk, note="<b>")
        shown = text(chief.get(page(id)))

        assert re.search(r"1 look run resolved 1 .* 2 pack run resolved 1 ", shown)
        assert re.search(r"Ended \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", shown)
        assert "Result &quot;packed tea&lt;b&gt;&quot;" in shown
        assert "Argument note &quot;&lt;b&gt;&quot;" in shown
        assert f"/durable/executions/{id}" in chief.get(page(id)).content.decode()

    def test_nothing_of_an_execution_is_html(self, site, chief: Client, id: str) -> None:
        evil = "<script>alert(1)</script>"
        with pytest.raises(ValueError, match="alert"):
            refuse.options(tags={"task": evil}).call(id, evil)
        for url in (page(id), f"{LIST}?prefix={id}&function={evil}", f"{LIST}?prefix={id}", f"{LIST}?after={evil}"):
            answer = chief.get(url).content.decode()
            assert evil not in answer
            assert "&lt;script&gt;" in answer

    def test_long_values_are_shortened(self, chief: Client, id: str) -> None:
        echo.run(id, "x" * 100_000, {"key": ["y"] * 10_000})

        assert len(chief.get(page(id)).content) < 30_000

    def test_of_many_steps_the_last_ones_are_shown(self, site, chief: Client, id: str) -> None:
        count.call(id, 600)
        shown = text(chief.get(page(id)))

        assert "100 earlier ones are not shown" in shown
        assert re.search(r" 600 number run ", shown)
        assert not re.search(r" 100 number run ", shown)

    def test_a_page_says_what_is_waited_for(self, site, chief: Client, id: str) -> None:
        waits(id)

        assert f"Waits for promise external {id}.1 Steps" in text(chief.get(page(id)))
        external = text(chief.get(page(f"{id}.1")))
        assert f"Durable executions &rsaquo; {id} &rsaquo;" in external.replace("›", "&rsaquo;")

    def test_the_list_is_searched_and_paged(self, site, chief: Client, id: str) -> None:
        for number in range(60):
            echo.run(f"{id}-{number}", number)
        refuse.run(f"{id}-failed", "no")
        first = chief.get(f"{LIST}?prefix={id}&function=echo").content.decode()
        older = re.search(r'href="(\?[^"]*after=[^"]+)"', first)[1].replace("&amp;", "&")
        second = chief.get(LIST + older).content.decode()
        ids = re.findall(rf">({id}-\d+)</a>", first + second)

        assert len(ids) == len(set(ids)) == 60
        assert len(re.findall(rf">{id}-\d+</a>", first)) == 50
        assert wait_until(lambda: durable.get(f"{id}-failed").done(), 20)
        failed = chief.get(f"{LIST}?prefix={id}&state=rejected").content.decode()
        assert re.findall(rf">({id}-\w+)</a>", failed) == [f"{id}-failed"]

    @pytest.mark.parametrize("query", ["after=nowhere", "state=odd"])
    def test_a_search_for_what_there_is_not_is_refused(self, chief: Client, query: str) -> None:
        assert chief.get(f"{LIST}?{query}").status_code == 400

    @pytest.mark.parametrize("id", ["unknown", "not an id", "a.b/c", "_5", "x" * 500])
    def test_an_unknown_execution_is_not_found(self, chief: Client, id: str) -> None:
        assert chief.get(f"{LIST}{id}/change/").status_code == 404
        assert chief.post(f"{LIST}{id}/cancel/").status_code == 404

    def test_ids_of_every_kind_have_a_page(self, chief: Client) -> None:
        odd = f"a_5F_b:@+=~-.{uuid.uuid4()}"
        echo.run(odd)
        href = re.search(r'href="([^"]+)"', execution_link(odd))[1]

        assert f"<title>{odd}" in chief.get(href).content.decode()

    def test_a_store_that_is_away_is_said(self, chief: Client) -> None:
        away = Durable(Celery(broker="redis://127.0.0.1:1/0"))
        away.app.conf.durable_store_timeout = 0.2
        with override_settings(DURABLE=away):
            for url in (LIST, page("order-1")):
                answer = chief.get(url)
                assert answer.status_code == 503
                assert "errorlist" in answer.content.decode() or "messagelist" in answer.content.decode()
            assert chief.post(page("order-1", "cancel")).status_code == 302

    def test_rows_of_other_models_link_to_their_executions(self, chief: Client) -> None:
        order = Order.objects.create(item="<tea>")
        answer = chief.get("/admin/orders/order/").content.decode()

        assert f'<a href="{LIST}order-{order.pk}/change/">of &lt;&lt;tea&gt;&gt;</a>' in answer


class TestPermissions:
    def test_without_any_there_is_nothing_to_see(self, site, id: str) -> None:
        waits(id)
        nobody = client()

        assert LIST not in nobody.get("/admin/").content.decode()
        assert [nobody.get(url).status_code for url in (LIST, page(id))] == [403, 403]
        assert nobody.post(page(id, "cancel")).status_code == 403

    def test_who_may_look_may_not_act(self, site, id: str) -> None:
        waits(id)
        looker = client("view_execution")

        assert LIST in looker.get("/admin/").content.decode()
        assert "Cancel</button>" not in looker.get(page(id)).content.decode()
        assert [looker.post(page(id, action)).status_code for action in ("cancel", "resume")] == [403, 403]
        assert durable.get(id).status == "suspended"

    def test_who_is_no_staff_is_asked_to_log_in(self, id: str) -> None:
        assert Client().get(LIST).status_code == 302
        assert Client().post(page(id, "cancel")).status_code == 302


class TestActing:
    def test_cancelling_needs_the_permission_and_is_logged(self, site, id: str) -> None:
        waits(id)
        actor = client("change_execution")
        assert "Cancel</button>" in actor.get(page(id)).content.decode()
        answer = actor.post(page(id, "cancel"), follow=True)

        assert "was told to cancel" in text(answer)
        assert wait_until(lambda: durable.get(id).status == "cancelled", 20)
        logged = LogEntry.objects.get(object_id=id)
        assert (logged.get_change_message(), logged.get_admin_url()) == ("was told to cancel", page(id))

    def test_what_failed_is_tried_again_under_another_id(self, site, chief: Client, id: str) -> None:
        with pytest.raises(ValueError, match="no"):
            refuse.call(id, "no")
        assert "Try again</button>" in chief.get(page(id)).content.decode()
        answer = chief.post(page(id, "resume"))

        assert (answer.status_code, answer.headers["Location"]) == (302, page(f"{id}~2"))
        assert durable.get(f"{id}~2").function == "refuse"

    def test_a_link_and_another_site_do_nothing(self, site, id: str) -> None:
        waits(id)
        user = client(superuser=True, enforce_csrf_checks=True)

        assert user.get(page(id, "cancel")).status_code == 405
        assert user.post(page(id, "cancel")).status_code == 403
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', user.get(page(id)).content.decode())[1]
        assert user.post(page(id, "cancel"), {"csrfmiddlewaretoken": token}).status_code == 302
        assert wait_until(lambda: durable.get(id).status == "cancelled", 20)

    def test_nothing_is_added_or_deleted_here(self, chief: Client) -> None:
        assert (
            "addlink" not in re.search(r"model-execution.*?</tr>", chief.get("/admin/").content.decode(), re.DOTALL)[0]
        )
        assert chief.get(f"{LIST}add/").status_code == 404
