-- T22. Note how far an execution is, for people; it is not in the journal.
-- Returns {OK} or {LOST}.
local partition = unpack(KEYS)
local id, token, progress = unpack(ARGV, 1, 3)

if live(id) ~= 'P' or not held(id, token, '') then return {'LOST'} end
redis.call('HSET', P .. 'r:' .. id, 'pg', progress)
moved(id)
return {'OK'}
