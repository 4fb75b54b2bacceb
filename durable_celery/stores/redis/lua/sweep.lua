-- T10. Apply what is due. Any worker may run it, any number at once.
-- Why ready ones are published again: a hint can be lost between the broker and
-- a worker; a hint too many is dropped at the claim.
-- Returns {who became ready or was not picked up, how many are ready, ms until something is due or -1, the parked}.
local partition = unpack(KEYS)
local max_attempts, limit, max_backoff = unpack(ARGV, 1, 3)

local function due(index)
  return redis.call('ZRANGEBYSCORE', P .. index, '-inf', now, 'LIMIT', 0, limit)
end

for _, id in ipairs(due('deadline')) do
  live(id)
  redis.call('ZREM', P .. 'deadline', id)
end
for _, target in ipairs(due('timer')) do
  local id, path = string.match(target, '^(.-)|(.*)$')
  redis.call('ZREM', P .. 'timer', target)
  local how = redis.call('HGET', P .. 'r:' .. id, 'th:' .. path)
  if how then
    redis.call('HDEL', P .. 'r:' .. id, 'th:' .. path)
    deliver(id, path, how, 'R', '')
  end
end
for _, id in ipairs(due('lease')) do
  if live(id) == 'P' then
    lapse(id, max_attempts, 'its lease ran out (the worker was frozen, cut off, or lost with its host)')
  end
  redis.call('ZREM', P .. 'lease', id)
end
for _, id in ipairs(due('ready')) do
  local r = P .. 'r:' .. id
  local phase = redis.call('HGET', r, 't')
  if (phase == 'Y' and turn(id)) or phase == 'F' then
    local wait = math.min(GRACE * 2 ^ redis.call('HINCRBY', r, 'bo', 1), tonumber(max_backoff))
    redis.call('ZADD', P .. 'ready', now + wait, id)
    woken[#woken + 1] = id
  else
    redis.call('ZREM', P .. 'ready', id)
  end
end

-- Some of the index of executions at random, and more of it while many of their records are gone.
for _ = 1, limit do
  local gone = {}
  for _, id in ipairs(redis.call('ZRANDMEMBER', P .. 'x', 20)) do
    if redis.call('EXISTS', P .. 'r:' .. id) == 0 then gone[#gone + 1] = id end
  end
  if #gone > 0 then redis.call('ZREM', P .. 'x', unpack(gone)) end
  if #gone < 5 then break end
end

local soonest = -1
for _, index in ipairs({'deadline', 'timer', 'lease', 'ready'}) do
  local first = redis.call('ZRANGE', P .. index, 0, 0, 'WITHSCORES')
  if first[2] and (soonest < 0 or first[2] - now < soonest) then soonest = math.max(first[2] - now, 0) end
end
return {rows(), redis.call('ZCARD', P .. 'ready'), math.floor(soonest), parked}
