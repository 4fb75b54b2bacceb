from django.urls import path
from views import read_root

urlpatterns = [path("", read_root)]
