-- T21. The message of a task child was published; it is looked at again from the start.
-- Returns whether it is still waited for.
local partition = unpack(KEYS)
local id, sends = unpack(ARGV, 1, 2)

if live(id) ~= 'P' then return 0 end
redis.call('HSET', P .. 'r:' .. id, 'sd', now, 'ns', sends, 'bo', 0)
redis.call('ZADD', P .. 'tend', 'XX', now + GRACE, id)
return 1
