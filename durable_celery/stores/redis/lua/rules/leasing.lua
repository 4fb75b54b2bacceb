-- A lease that ended without its holder saying so.
local function lapse(id, max_attempts, reason)
  local r = P .. 'r:' .. id
  redis.call('ZREM', P .. 'lease', id)
  redis.call('HDEL', r, 'w', 'n', 'run')
  local crashes = redis.call('HINCRBY', r, 'cr', 1)
  if crashes < tonumber(max_attempts) then
    redis.call('HSET', r, 'why', reason)
    return wake(id)
  end
  redis.call('HSET', r, 't', 'H', 'why', crashes .. ' attempts in a row ended without progress; the last: ' .. reason)
  redis.call('SADD', P .. 'parked', id)
  redis.call('PUBLISH', P .. 'done:' .. id, 'H')
  moved(id)
  parked[#parked + 1] = id
end
