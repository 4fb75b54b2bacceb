"""One command on a pooled connection, without the layers that redis-py puts around it: they cost as much as the call.

What those layers are for is done elsewhere: a call is tried again by `Connection`,
and no reply of a script needs converting.
"""

from __future__ import annotations

from typing import Any

import redis
from redis import exceptions

from durable_celery.stores.redis.pool import taken

Command = tuple[str | int, ...]


def call(client: redis.Redis, command: Command, behind: Command | None = None) -> tuple[Any, Any]:
    """The reply, and that to the command `behind` it in the same round trip, which may be an error; or None.

    Raises what redis-py raises for the first. A connection that may still have a reply under way is not used again.
    """
    pool = client.connection_pool
    connection = taken(pool)
    try:
        if behind is None:
            connection.send_command(*command)
            return connection.read_response(), None
        connection.send_packed_command(connection.pack_commands([command, behind]))
        first, second = _reply(connection), _reply(connection)
        if isinstance(first, exceptions.ResponseError):
            raise first
        return first, second
    except exceptions.ResponseError:
        raise
    except exceptions.ConnectionError:  # so may be the others that were made when this one was
        connection.disconnect()
        pool.disconnect(inuse_connections=False)
        raise
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except exceptions.ResponseError as error:
        return error
