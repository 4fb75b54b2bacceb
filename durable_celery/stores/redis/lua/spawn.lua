-- T4. A checkpoint and the creation of a child, in one step.
-- Why one step: a child without its entry would be started again under another
-- position, an entry without its child would be waited for in vain.
-- Returns {OK | EXISTS, the child's record}, {CONFLICT | EXPIRED, the function that has or had the id}, or {LOST}.
local partition = unpack(KEYS)
local id, token, cursor, lease_ms, path, entry, child, fn, digest, timeout_ms, delay_ms, kin = unpack(ARGV, 1, 12) -- then: field, value, …

local r, j, c = P .. 'r:' .. id, P .. 'j:' .. id, P .. 'r:' .. child
if live(id) ~= 'P' then return {'LOST'} end
local h = redis.call('HMGET', r, 't', 'n', 'jc', 'd', 'cx', 'ch')
if h[1] ~= 'A' or h[2] ~= token then return {'LOST'} end
if tonumber(h[3]) > tonumber(cursor) and redis.call('HGET', j, path) == entry then
  local mine = redis.call('HGET', c, 'cn') == token .. '/' .. cursor -- the reply was lost
  return {mine and 'OK' or 'EXISTS', redis.call('HGETALL', c)}
end
if tonumber(h[3]) ~= tonumber(cursor) then return {'LOST'} end

local answer = 'OK'
if live(child) then
  local taken = redis.call('HMGET', c, 'f', 'dg')
  if (taken[1] or '') ~= fn or (taken[2] or '') ~= digest then return {'CONFLICT', taken[1] or ''} end
  answer = 'EXISTS'
else
  local was = burnt(child)
  if was then return {'EXPIRED', was} end
  birth(child, timeout_ms, delay_ms, kin == '1' and h[4], 13)
  if kin == '1' and h[5] and not h[6] then settle(child, 'C', '') end -- the parent is cancelled and does not know it
  redis.call('HSET', c, 'cn', token .. '/' .. cursor)
end
redis.call('HSETNX', j, path, entry)
redis.call('HSET', r, 'jc', cursor + 1, 'cr', 0)
redis.call('ZADD', P .. 'lease', now + tonumber(lease_ms), id)
moved(id)
return {answer, redis.call('HGETALL', c)}
