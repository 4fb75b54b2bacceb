-- T14. Set an execution aside until somebody resumes it; nothing recorded is touched.
-- Returns {OK} or {LOST}.
local partition = unpack(KEYS)
local id, token, reason = unpack(ARGV, 1, 3)

local r = P .. 'r:' .. id
if live(id) ~= 'P' or not held(id, token, '') then return {'LOST'} end
redis.call('HSET', r, 't', 'H', 'why', reason)
redis.call('HDEL', r, 'w', 'n', 'run')
redis.call('ZREM', P .. 'lease', id)
redis.call('SADD', P .. 'parked', id)
redis.call('PUBLISH', P .. 'done:' .. id, 'H')
moved(id)
return {'OK'}
