-- T7, T16. Settle one's own promise, with the entries not yet written and the changes to the state of its object.
-- Returns {OK, who became ready} or {LOST}.
local partition = unpack(KEYS)
local id, token, cursor, state, value, count = unpack(ARGV, 1, 6) -- then: path, entry, …, and mark, name, text, …

local r = P .. 'r:' .. id
local current = live(id)
if current == state and redis.call('HGET', r, 'n') == token then return {'OK', rows()} end -- the reply was lost
if current ~= 'P' or not held(id, token, cursor) then return {'LOST'} end
fulfilling = id
local last = 6 + 2 * count
for i = 7, last, 2 do redis.call('HSETNX', P .. 'j:' .. id, ARGV[i], ARGV[i + 1]) end
if last > 6 then redis.call('HSET', r, 'jc', cursor + count, 'cr', 0) end
alter(id, last + 1)
settle(id, state, value)
return {'OK', rows()}
