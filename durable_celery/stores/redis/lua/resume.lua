-- T14. Make a parked execution ready again, its crashes forgiven.
-- Returns {OK | NOTPARKED, who became ready} or {ABSENT}.
local partition = unpack(KEYS)
local id = unpack(ARGV, 1, 1)

local state = live(id)
if not state then return {'ABSENT'} end
local r = P .. 'r:' .. id
if state ~= 'P' or redis.call('HGET', r, 't') ~= 'H' then return {'NOTPARKED', rows()} end
redis.call('HSET', r, 'cr', 0)
redis.call('HDEL', r, 'why')
redis.call('SREM', P .. 'parked', id)
wake(id)
return {'OK', rows()}
