-- T8. Settle an external promise, by the table of the Durable Promise specification.
-- Returns {OK | DEDUP | EXISTS, the record, who became ready}, {EXECUTION} or {ABSENT}.
local partition = unpack(KEYS)
local id, to, value, key, strict, nonce = unpack(ARGV, 1, 6)

local r = P .. 'r:' .. id
local state = live(id)
if not state then return {'ABSENT'} end
if redis.call('HGET', r, 't') ~= '-' then return {'EXECUTION'} end
local answer = 'EXISTS'
if state == 'P' then
  redis.call('HSET', r, 'K', key, 'sn', nonce)
  settle(id, to, value)
  answer = 'OK'
elseif redis.call('HGET', r, 'sn') == nonce then -- the reply was lost
  answer = 'OK'
elseif state == 'T' then
  if strict == '0' then answer = 'DEDUP' end
elseif key ~= '' and redis.call('HGET', r, 'K') == key and (strict == '0' or state == to) then
  answer = 'DEDUP'
end
return {answer, redis.call('HGETALL', r), rows()}
