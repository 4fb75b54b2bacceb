-- T7. Settle one's own promise, with the entries not yet written.
-- Returns {OK, who became ready} or {LOST}.
local partition = unpack(KEYS)
local id, token, cursor, state, value = unpack(ARGV, 1, 5) -- then: path, entry, …

fulfilling = id
local r = P .. 'r:' .. id
local current = live(id)
if current == state and redis.call('HGET', r, 'n') == token then return {'OK', rows()} end -- the reply was lost
if current ~= 'P' or not held(id, token, cursor) then return {'LOST'} end
for i = 6, #ARGV, 2 do redis.call('HSETNX', P .. 'j:' .. id, ARGV[i], ARGV[i + 1]) end
if #ARGV > 5 then redis.call('HSET', r, 'jc', cursor + (#ARGV - 5) / 2, 'cr', 0) end
settle(id, state, value)
return {'OK', rows()}
