-- T3. Write entries into the journal, change the state of the object, and renew the lease.
-- Why the cursor: a holder whose store lost its tail has read more than there is.
-- A call whose reply was lost is answered OK again: the token is the caller's
-- own, and the cursor tells that its entries are in.
-- Returns {OK, when the grace of a cancellation ends or nothing} or {LOST}.
local partition = unpack(KEYS)
local id, token, cursor, lease_ms, count = unpack(ARGV, 1, 5) -- then: path, entry, …, and mark, name, text, …

local r, j = P .. 'r:' .. id, P .. 'j:' .. id
local h = redis.call('HMGET', r, 's', 't', 'n', 'jc', 'd', 'cx')
if h[1] == 'P' and past(h[5]) then live(id) return {'LOST'} end
if h[1] ~= 'P' or h[2] ~= 'A' or h[3] ~= token then return {'LOST'} end
local written, last = tonumber(h[4]), 5 + 2 * count
count = tonumber(count)
if count > 0 and written == cursor + count and redis.call('HEXISTS', j, ARGV[6]) == 1 then return {'OK', h[6]} end
if written ~= tonumber(cursor) then return {'LOST'} end
for i = 6, last, 2 do redis.call('HSETNX', j, ARGV[i], ARGV[i + 1]) end
if count > 0 then
  redis.call('HSET', r, 'jc', cursor + count, 'cr', 0)
  moved(id)
end
alter(id, last + 1)
redis.call('ZADD', P .. 'lease', now + tonumber(lease_ms), id)
return {'OK', h[6]}
