-- T2. Take a ready execution.
-- Why the nonce: a store that lost its tail would give the same epoch twice.
-- Why the format: an older worker leaves to the newer ones what it could not read.
-- Returns {OK, token, now, the record, the journal, the state of the object of an exclusive call}, or {ABSENT}, or {NOTREADY | NEWER | SETTLED, the record}.
local partition = unpack(KEYS)
local id, worker, nonce, lease_ms, format = unpack(ARGV, 1, 5)

local state = live(id)
if not state then return {'ABSENT'} end
local r = P .. 'r:' .. id
if state ~= 'P' then return {'SETTLED', redis.call('HGETALL', r)} end
if tonumber(redis.call('HGET', r, 'jf') or 1) > tonumber(format) then return {'NEWER', redis.call('HGETALL', r)} end
local h = redis.call('HMGET', r, 't', 'nb', 'n', 'e', 'ac', 'ob')
local function claimed(token)
  local state = h[5] == 'X' and redis.call('HGETALL', P .. 'st:' .. h[6]) or {}
  return {'OK', token, now, redis.call('HGETALL', r), redis.call('HGETALL', P .. 'j:' .. id), state}
end
if h[1] == 'A' and h[3] == h[4] .. ':' .. nonce then return claimed(h[3]) end -- the reply was lost
if h[1] ~= 'Y' or (h[2] and tonumber(h[2]) > now) or not turn(id) then return {'NOTREADY', redis.call('HGETALL', r)} end

local token = redis.call('HINCRBY', r, 'e', 1) .. ':' .. nonce
redis.call('HSET', r, 't', 'A', 'w', worker, 'n', token)
redis.call('HSETNX', r, 'st', now)
redis.call('ZREM', P .. 'ready', id)
redis.call('ZADD', P .. 'lease', now + tonumber(lease_ms), id)
moved(id)
return claimed(token)
