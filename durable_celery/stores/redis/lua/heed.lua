-- T13. A holder that knows of a cancellation asks whether to tell its body now.
-- Why not at once: what is below it is cancelled first. Until that is settled
-- the execution is suspended; the last one of them wakes it.
-- Returns {NOW}, {OK} when suspended, or {LOST}.
local partition = unpack(KEYS)
local id, token, cursor = unpack(ARGV, 1, 3)

local r = P .. 'r:' .. id
if live(id) ~= 'P' then return {'LOST'} end
local h = redis.call('HMGET', r, 't', 'n', 'tp', 'cx', 'ch', 'pc')
if h[2] == token and h[1] ~= 'A' then return {'OK'} end -- the reply was lost
if not held(id, token, cursor) then return {'LOST'} end
if not kept(h[4], h[5], h[6]) then
  redis.call('HSET', r, 'ch', 1)
  return {'NOW'}
end
disarm(id, h[3])
redis.call('HDEL', r, 'w', 'run', 'tp')
redis.call('HSET', r, 't', 'S')
redis.call('ZREM', P .. 'lease', id)
moved(id)
return {'OK'}
