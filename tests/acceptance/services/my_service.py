import durable_celery as restate
from durable_celery import Context, Service

my_service = Service("MyService")


@my_service.handler("myHandler")
async def my_service_handler(ctx: Context, greeting: str) -> str:
    return f"${greeting}!"


app = restate.app([my_service])
