"""Links to executions, for pages of one's own in the admin."""

from __future__ import annotations

from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

ADMIN = "admin:durable_celery_execution_"


def execution_link(id: str, text: str | None = None) -> SafeString:
    """A link to an execution in the admin, as HTML that is safe to show; without an admin, the text alone.

    The store is not asked, so a column of a list may have one in each row.
    """
    shown = id if text is None else text
    try:
        href = reverse(f"{ADMIN}change", args=[quote(id)])
    except NoReverseMatch:
        return format_html("{}", shown)
    return format_html('<a href="{}">{}</a>', href, shown)
