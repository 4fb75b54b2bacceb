"""Celery's own integration tests, as its source package has them, with and without `Durable(app)`."""
