"""One command on a pooled connection, without the layers that redis-py puts around it: they cost as much as the call.

What those layers are for is done elsewhere: a call is tried again by `Connection`,
and no reply of a script needs converting.
"""

from __future__ import annotations

from typing import Any

import redis
from redis.exceptions import ResponseError


def call(client: redis.Redis, *command: str | int) -> Any:
    """The reply; raises what redis-py raises. A connection that may still have a reply under way is not used again."""
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_command(*command)  # type: ignore[no-untyped-call]
        return connection.read_response()
    except ResponseError:
        raise
    except BaseException:
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.release(connection)
