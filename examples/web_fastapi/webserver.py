from fastapi import FastAPI

from durable_celery import Context, LocalStore
from durable_celery import Durable as Resonate

app = FastAPI()
resonate = Resonate(store=LocalStore())


def baz(_: Context):
    print("running baz")
    return 1


def bar(ctx: Context):
    print("running bar")
    v = yield ctx.lfc(baz)
    return v + 1


@resonate.register
def foo(ctx: Context):
    v = yield ctx.lfc(bar)
    return v + 1


@app.get("/")
def read_root():
    handle = foo.run("fastapi_webserver_foo_promise_id")
    return {"value": handle.result()}
