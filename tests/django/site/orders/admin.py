from django.contrib import admin

from durable_celery.django import execution_link
from tests.django.site.orders.models import Order


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("item", "execution")

    @admin.display(description="Execution")
    def execution(self, order):
        return execution_link(f"order-{order.pk}", f"of <{order.item}>")
