"""Executions in the admin: a list to search in, a page for each, cancel and resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET, require_POST

from durable_celery import ids
from durable_celery.django import pages
from durable_celery.django.links import ADMIN
from durable_celery.django.models import Execution
from durable_celery.django.project import durable_of_project
from durable_celery.errors import DurableError, InvalidId, PromiseNotFound
from durable_celery.handle import Handle
from durable_celery.looking import Found
from durable_celery.promise import State

_PAGE = 50
_FIELDS = ("function", "state", "prefix", "after")


@admin.register(Execution)
class ExecutionAdmin(admin.ModelAdmin):
    """What needs a table is not there: executions are begun by code, and are kept by the store."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody has."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody has: they go when their retention is over."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Under the names that Django's own pages, as the log of actions, link to."""
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.changelist_view), name="durable_celery_execution_changelist"),
            path("<path:object_id>/change/", wrap(self.change_view), name="durable_celery_execution_change"),
            path("<path:object_id>/cancel/", wrap(self.cancel_view), name="durable_celery_execution_cancel"),
            path("<path:object_id>/resume/", wrap(self.resume_view), name="durable_celery_execution_resume"),
        ]

    @method_decorator(require_GET)
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """A page of executions, newest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = {name: request.GET.get(name, "").strip() for name in _FIELDS}
        found, status = Found((), ""), 200
        try:
            durable = durable_of_project()
            wanted = {**asked, "state": asked["state"] or None}
            found = durable.promises.search(**wanted, limit=_PAGE)
        except (DurableError, ValueError) as error:
            status = 503 if isinstance(error, ConnectionError) else 400
            messages.error(request, str(error))
        following = request.GET.copy()
        following["after"] = found.after
        context = {
            "title": "Durable executions",
            "asked": asked,
            "states": [str(each) for each in State],
            "functions": durable.registry.names(),
            "rows": [{**pages.row(each, durable.codec), "href": _page(each.id)} for each in found.promises],
            "next": f"?{following.urlencode()}" if found.after else None,
            "first": f"?{_without_after(request)}" if asked["after"] else None,
        }
        return self._shown(request, "executions", {**context, **(extra_context or {})}, status)

    @method_decorator(require_GET)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One execution, with its steps and what it waits for."""
        promise_id = unquote(object_id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        durable, shown, status = durable_of_project(), None, 200
        try:
            shown = pages.detail(durable, *durable.store.read(ids.check_any(promise_id)))
            for step in shown["steps"]:
                step["href"] = _page(step["id"]) if step["id"] else None
        except (PromiseNotFound, InvalidId) as error:
            raise Http404(str(error)) from error
        except DurableError as error:
            messages.error(request, str(error))
            status = 503
        context = {
            "title": promise_id,
            "shown": shown,
            "parent_href": _page(shown["parent"]) if shown and shown["parent"] else None,
            "may_act": self.has_change_permission(request),
            "cancel_href": reverse(f"{ADMIN}cancel", args=[quote(promise_id)]),
            "resume_href": reverse(f"{ADMIN}resume", args=[quote(promise_id)]),
        }
        return self._shown(request, "execution", {**context, **(extra_context or {})}, status)

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cancel it with everything below it."""

        def cancel(promise_id: str) -> Handle[Any]:
            durable = durable_of_project()
            durable.cancel(promise_id)
            return durable.get(promise_id)

        return self._acted(request, unquote(object_id), cancel, "was told to cancel")

    @method_decorator(require_POST)
    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let it go on; one that failed is tried again under another id."""
        return self._acted(request, unquote(object_id), durable_of_project().resume, "goes on")

    def _acted(
        self, request: HttpRequest, promise_id: str, act: Callable[[str], Handle[Any]], said: str
    ) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            handle = act(ids.check_any(promise_id))
        except (PromiseNotFound, InvalidId) as error:
            raise Http404(str(error)) from error
        except DurableError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(_page(promise_id))
        words = said if handle.id == promise_id else f"{said} as {handle.id}"
        self.log_change(request, Execution(id=promise_id), words)
        messages.success(request, f"{promise_id} {words}.")
        return HttpResponseRedirect(_page(handle.id))

    def _shown(self, request: HttpRequest, page: str, context: dict[str, Any], status: int) -> HttpResponse:
        every = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"durable_celery/{page}.html", every, status=status)


def _page(promise_id: str) -> str:
    found: str = reverse(f"{ADMIN}change", args=[quote(promise_id)])
    return found


def _without_after(request: HttpRequest) -> str:
    kept = request.GET.copy()
    kept.pop("after", None)
    text: str = kept.urlencode()
    return text
