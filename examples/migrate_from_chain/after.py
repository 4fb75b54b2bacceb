"""After: one durable function. The steps are the same functions; what they gave is recorded before the next begins."""

from __future__ import annotations

from celery import Celery

from durable_celery import Context, Durable, Handle
from examples.migrate_from_chain import studio

app = Celery("video")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)


@durable.register
def video(ctx: Context, name: str) -> str:
    file = ctx.run(studio.download, name).get()
    small = ctx.run(studio.transcode, file).get()
    return ctx.run(studio.publish, small).get()


def start(name: str) -> Handle[str]:
    return video.run(f"video-{name}", name)
