"""One command on a pooled connection, without the layers that redis-py puts around it: they cost as much as the call.

What those layers are for is done elsewhere: a call is tried again by `Connection`,
and no reply of a script needs converting.
"""

from __future__ import annotations

from typing import Any

import redis
from redis.exceptions import ResponseError

Command = tuple[str | int, ...]


def call(client: redis.Redis, command: Command, behind: Command | None = None) -> tuple[Any, Any]:
    """The reply, and that to the command `behind` it in the same round trip, which may be an error; or None.

    Raises what redis-py raises for the first. A connection that may still have a reply under way is not used again.
    """
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        if behind is None:
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            return connection.read_response(), None
        connection.send_packed_command(connection.pack_commands([command, behind]))  # type: ignore[no-untyped-call]
        first, second = _reply(connection), _reply(connection)
        if isinstance(first, ResponseError):
            raise first
        return first, second
    except ResponseError:
        raise
    except BaseException:
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.release(connection)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
