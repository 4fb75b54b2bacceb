"""Durable functions and tasks of the application; Celery's workers find them by their module's name."""

from __future__ import annotations

from durable_celery.django.taskapi import base
from tests.django.site.celery import durable
from tests.django.site.orders.models import Order

task = base.task


def pack(item: str) -> str:
    return f"packed {item}"


@durable.register
def ship(ctx, pk, note=""):
    """What the worker reads is what was committed."""
    item = ctx.run(lambda: Order.objects.get(pk=pk).item).options(name="look").get()
    return ctx.run(pack, item).get() + note


@durable.register
def approve(ctx, who):
    return ctx.promise().get()


@durable.register
def refuse(ctx, why):
    raise ValueError(why)


@durable.register
def echo(ctx, *values, using="nothing"):
    return [*values, using]


@durable.register
def count(ctx, most):
    return sum(ctx.run(int, number).options(name="number").get() for number in range(most))


@task
def add(one, other):
    return one + other


@task
async def add_slowly(one, other):
    return one + other


@task(takes_context=True)
def about(context, greeting):
    return [greeting, context.task_result.id, context.attempt, context.task_result.status]


@task
def item_of(pk):
    return Order.objects.get(pk=pk).item


@task
def fail():
    raise ValueError(ValueError("This task failed"))


@task
def leave():
    raise SystemExit("leaving")


@task
def answer_what_has_no_json():
    return lambda: True


@task(queue_name="mail")
def mail():
    return "sent"


@task(backend="committed")
def committed(pk):
    return Order.objects.get(pk=pk).item
