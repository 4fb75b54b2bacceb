-- T12. Give an execution back: ready at once, and not a crash.
-- Returns {OK, who became ready} or {LOST}.
local partition = unpack(KEYS)
local id, token = unpack(ARGV, 1, 2)

if live(id) ~= 'P' or not held(id, token, '') then return {'LOST'} end
redis.call('HDEL', P .. 'r:' .. id, 'w', 'n', 'run')
redis.call('ZREM', P .. 'lease', id)
wake(id)
return {'OK', rows()}
