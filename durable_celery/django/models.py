"""A model without a table, for what Django gives to models only: permissions and a place in the admin's index."""

from __future__ import annotations

from typing import Any

from django.db import models


class _Nowhere(models.Manager):
    """Finds nothing and asks no database, so that `dumpdata` and the like pass by."""

    def get_queryset(self) -> Any:
        return super().get_queryset().none()


class Execution(models.Model):
    """A durable execution, which is kept by the store and not by a database."""

    id = models.CharField(primary_key=True, max_length=255)

    objects = _Nowhere()

    class Meta:
        managed = False
        base_manager_name = "objects"
        default_permissions = ("view", "change")
        verbose_name = "durable execution"
        verbose_name_plural = "durable executions"

    def __str__(self) -> str:
        return str(self.id)
