# One image for the workers, the web application and Flower; docker-compose.yml says which of them a container is.
FROM python:3.12-slim

# Renders speech; without it lines are rendered as Morse code.
RUN apt-get update && apt-get install -y --no-install-recommends espeak-ng && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home app && install -d -o app /data /data/renders
WORKDIR /app
COPY pyproject.toml README.md ./
COPY durable_celery durable_celery
RUN pip install --no-cache-dir '.[demo]'
COPY workers workers
COPY webapp webapp

USER app
ENV PYTHONUNBUFFERED=1
CMD ["python", "-m", "webapp"]
