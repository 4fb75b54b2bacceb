-- T19. These outcomes were told to Celery; they need no further hint.
-- Returns how many.
local partition = unpack(KEYS)
-- then: id, …

local count = 0
for _, id in ipairs(ARGV) do
  local r = P .. 'r:' .. id
  if redis.call('HGET', r, 't') == 'F' then
    redis.call('ZREM', P .. 'ready', id)
    redis.call('HSET', r, 'md', 1)
    count = count + 1
  end
end
return count
