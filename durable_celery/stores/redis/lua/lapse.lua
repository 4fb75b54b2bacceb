-- T11 for a whole worker: every lease held from this node ends now.
-- Returns who became ready.
local partition = unpack(KEYS)
local node, max_attempts, reason = unpack(ARGV, 1, 3)

local prefix = node .. '/'
for _, id in ipairs(redis.call('ZRANGE', P .. 'lease', 0, -1)) do
  local holder = redis.call('HGET', P .. 'r:' .. id, 'w')
  if holder and string.sub(holder, 1, #prefix) == prefix and live(id) == 'P' then
    lapse(id, max_attempts, reason)
  end
end
redis.call('ZREM', P .. 'workers', node)
return rows()
