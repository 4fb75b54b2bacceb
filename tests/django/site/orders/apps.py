from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "tests.django.site.orders"
    default_auto_field = "django.db.models.BigAutoField"
