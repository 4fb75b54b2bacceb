-- A settled tree lives as long as its root: lifetimes are set when the root is
-- settled, and for those that settle later at once. Long enough to be read once.
-- An external promise that is still pending then, and that nobody waits for, goes with it.
local function expire(id, tree, retention, tombstone, fn)
  local t, life = P .. 't:' .. tree, math.max(tonumber(retention), GRACE)
  local function lifetime(member)
    for _, kind in ipairs({'r:', 'j:', 'l:'}) do redis.call('PEXPIRE', P .. kind .. member, life) end
  end
  if tree ~= id then
    redis.call('ZADD', t, 'XX', 0, id)
    if redis.call('HGET', P .. 'r:' .. tree, 's') == 'P' then return end
  else
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', t, 1, 1)) do
      local h = redis.call('HMGET', P .. 'r:' .. member, 't', 'cv')
      local idle = redis.call('EXISTS', P .. 'cb:' .. member) == 0
      if h[1] == '-' and not h[2] and idle then redis.call('ZADD', t, 0, member) end
    end
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', t, 0, 0)) do lifetime(member) end
    if tombstone then redis.call('SET', P .. 'tb:' .. id, fn, 'PX', life + tonumber(tombstone)) end
  end
  lifetime(id)
  local h = redis.call('HMGET', P .. 'r:' .. id, 'ac', 'ob')
  if h[1] == 'O' then redis.call('PEXPIRE', P .. 'st:' .. h[2], life) end
  if redis.call('ZCOUNT', t, 1, 1) == 0 then redis.call('PEXPIRE', t, life) end
end

-- The one transition out of pending.
settle = function(id, state, value, at)
  local r = P .. 'r:' .. id
  local h = redis.call('HMGET', r, 't', 'm', 'tp', 'rt', 'rn', 'p', 'f', 'tb')
  redis.call('HSET', r, 's', state, 'o', value, 'z', at or now, 't', h[1] == '-' and '-' or 'F')
  redis.call('HDEL', r, 'w', 'run', 'tp', 'bo', id == fulfilling and 'w' or 'n') -- 'n' is for a holder whose reply is lost
  redis.call('ZREM', P .. 'lease', id)
  redis.call('ZREM', P .. 'deadline', id)
  if h[1] ~= '-' then counted(h[7], -1) end
  if h[1] == 'H' then redis.call('SREM', P .. 'parked', id) end
  if h[2] == '1' then
    redis.call('ZADD', P .. 'ready', now + GRACE, id)
    if id ~= fulfilling then woken[#woken + 1] = id end
  else
    redis.call('ZREM', P .. 'ready', id)
  end
  if h[1] == '-' then end_tending(id, state) end
  disarm(id, h[3])
  pass_on(id)
  redis.call('PUBLISH', P .. 'done:' .. id, state)
  moved(id)
  local awaiters = redis.call('HGETALL', P .. 'cb:' .. id)
  redis.call('DEL', P .. 'cb:' .. id)
  expire(id, h[4], h[5], h[8], h[7])
  local parent = h[4] ~= id and h[6]
  if parent and h[1] ~= '-' and redis.call('HEXISTS', P .. 'r:' .. parent, 'pc') == 1 then
    redis.call('HINCRBY', P .. 'r:' .. parent, 'pc', -1)
  end
  for i = 1, #awaiters, 2 do
    local awaiter, path = string.match(awaiters[i], '^(.-)|(.*)$')
    deliver(awaiter, path, awaiters[i + 1], state, value)
  end
  if parent then tell(parent) end
end
