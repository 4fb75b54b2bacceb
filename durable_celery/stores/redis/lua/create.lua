-- T1. Record a promise unless the id is taken.
-- Why one script: the ready entry is written with the record, so that a creator
-- which dies before it publishes loses nothing.
-- Returns {OK | DEDUP | EXISTS, the record}.
local partition = unpack(KEYS)
local id, key, strict, nonce, timeout_ms, delay_ms = unpack(ARGV, 1, 6) -- then: field, value, …

local state = live(id)
if not state then
  birth(id, timeout_ms, delay_ms, nil, 7)
  redis.call('HSET', P .. 'r:' .. id, 'cn', nonce)
  return {'OK', redis.call('HGETALL', P .. 'r:' .. id)}
end
if redis.call('HGET', P .. 'r:' .. id, 'cn') == nonce then -- the reply was lost
  return {'OK', redis.call('HGETALL', P .. 'r:' .. id)}
end
local same = key ~= '' and redis.call('HGET', P .. 'r:' .. id, 'k') == key
local answer = same and (state == 'P' or strict == '0') and 'DEDUP' or 'EXISTS'
return {answer, redis.call('HGETALL', P .. 'r:' .. id)}
