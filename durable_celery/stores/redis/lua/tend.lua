-- T20. The task children to look at now, each put off for longer every time.
-- Why one that was never sent is left out at first while its creator holds the
-- parent: it is about to send it, and twice would be once too often.
-- Returns {now, {id, its record}, …}.
local partition = unpack(KEYS)
local limit, max_backoff = unpack(ARGV, 1, 2)

local PATIENCE = 4 -- looks, which is about half a minute
local function about_to_be_sent(id, looks)
  local h = redis.call('HMGET', P .. 'r:' .. id, 'sd', 'nb', 'cn', 'p')
  if h[1] or h[2] or looks > PATIENCE or not h[3] or not h[4] then return false end
  local parent = redis.call('HMGET', P .. 'r:' .. h[4], 't', 'n')
  return parent[1] == 'A' and parent[2] == string.match(h[3], '^(.*)/')
end

local found = {now}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'tend', '-inf', now, 'LIMIT', 0, limit)) do
  local r = P .. 'r:' .. id
  local state = live(id)
  local wanted = state == 'C' or state == 'T'
  if state == 'P' then
    local looks = redis.call('HINCRBY', r, 'bo', 1)
    redis.call('ZADD', P .. 'tend', now + math.min(GRACE * 2 ^ (looks - 1), tonumber(max_backoff)), id)
    wanted = not about_to_be_sent(id, looks)
  else
    redis.call('ZREM', P .. 'tend', id)
  end
  if wanted then found[#found + 1] = {id, redis.call('HGETALL', r)} end
end
return found
