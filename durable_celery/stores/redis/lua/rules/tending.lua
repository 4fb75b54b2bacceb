-- Task children: Celery tasks that executions wait for, and when each is looked at.

-- A new one is looked at when its message should be out.
local function begin_tending(id, delay)
  redis.call('ZADD', P .. 'tend', now + math.max(delay, GRACE), id)
  if delay > 0 then redis.call('HSET', P .. 'r:' .. id, 'nb', now + delay) end
end

-- A settled one is done with, unless nobody waits for its task any more: then that is to be stopped.
local function end_tending(id, state)
  if state == 'C' or state == 'T' then
    redis.call('ZADD', P .. 'tend', 'XX', now, id)
  else
    redis.call('ZREM', P .. 'tend', id)
  end
end
