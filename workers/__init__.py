"""A Celery application with durable functions: sound for lines of text, and an order that waits for a person."""
