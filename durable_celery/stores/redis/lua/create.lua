-- T1. Record a promise unless the id is taken.
-- Why one script: the ready entry is written with the record, so that a creator
-- which dies before it publishes loses nothing. A message for a list of this same
-- Redis goes with it; should the list refuse it, the record stands and is published otherwise.
-- Returns {OK | DEDUP | EXISTS, the record, 1 if the message went with it},
-- {EXPIRED, the function that had the id} or {FULL}.
local partition = unpack(KEYS)
local id, key, strict, nonce, timeout_ms, delay_ms, fn, most, entries, list, message = unpack(ARGV, 1, 11) -- then: path, entry, …, field, value, …

local state = live(id)
if not state then
  local was = burnt(id)
  if was then return {'EXPIRED', was} end
  if most ~= '' and tonumber(redis.call('HGET', P .. 'pending', fn) or 0) >= tonumber(most) then return {'FULL'} end
  local recorded = 0
  for i = 12, 11 + 2 * entries, 2 do -- before its birth, which may be its end, that gives the journal its lifetime
    redis.call('HSET', P .. 'j:' .. id, ARGV[i], ARGV[i + 1])
    if string.sub(ARGV[i], -1) ~= '!' then recorded = recorded + 1 end
  end
  birth(id, timeout_ms, delay_ms, nil, 12 + 2 * entries)
  redis.call('HSET', P .. 'r:' .. id, 'cn', nonce, 'jc', recorded)
  local sent = list ~= '' and redis.call('HGET', P .. 'r:' .. id, 't') == 'Y' and redis.pcall('LPUSH', list, message)
  return {'OK', redis.call('HGETALL', P .. 'r:' .. id), type(sent) == 'number' and 1 or nil}
end
if redis.call('HGET', P .. 'r:' .. id, 'cn') == nonce then -- the reply was lost
  return {'OK', redis.call('HGETALL', P .. 'r:' .. id)}
end
local same = key ~= '' and redis.call('HGET', P .. 'r:' .. id, 'k') == key
local answer = same and (state == 'P' or strict == '0') and 'DEDUP' or 'EXISTS'
return {answer, redis.call('HGETALL', P .. 'r:' .. id)}
