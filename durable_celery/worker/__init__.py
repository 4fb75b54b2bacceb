"""The only room that speaks Celery."""
