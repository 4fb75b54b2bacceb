-- T13. Settle a promise as cancelled, and every pending one below it.
-- A holder learns it at its next fenced call or heartbeat.
-- Returns {OK | EXISTS, the record, who became ready} or {ABSENT}.
local partition = unpack(KEYS)
local id = unpack(ARGV, 1, 1)

local state = live(id)
if not state then return {'ABSENT'} end
local r = P .. 'r:' .. id
if state ~= 'P' then return {'EXISTS', redis.call('HGETALL', r), rows()} end
settle(id, 'C', '')

local children = {}
for _, member in ipairs(redis.call('ZRANGE', P .. 't:' .. redis.call('HGET', r, 'rt'), 0, -1)) do
  local parent = redis.call('HGET', P .. 'r:' .. member, 'p') or string.match(member, '^(.*)%.%d+$') or ''
  children[parent] = children[parent] or {}
  table.insert(children[parent], member)
end
local below, i = {id}, 1
while below[i] do
  for _, child in ipairs(children[below[i]] or {}) do
    if live(child) == 'P' then settle(child, 'C', '') end
    below[#below + 1] = child
  end
  i = i + 1
end
return {'OK', redis.call('HGETALL', r), rows()}
