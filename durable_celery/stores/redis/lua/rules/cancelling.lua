-- How a cancellation goes through a tree.

-- A promise and all below it in its tree, parents before their children.
local function family(id)
  local children, found, i = {}, {id}, 1
  for _, member in ipairs(redis.call('ZRANGE', P .. 't:' .. redis.call('HGET', P .. 'r:' .. id, 'rt'), 0, -1)) do
    local parent = redis.call('HGET', P .. 'r:' .. member, 'p') or string.match(member, '^(.*)%.%d+$') or ''
    children[parent] = children[parent] or {}
    table.insert(children[parent], member)
  end
  while found[i] do
    for _, child in ipairs(children[found[i]] or {}) do found[#found + 1] = child end
    i = i + 1
  end
  return found
end

-- Note that it is cancelled, and that this is final at an instant, or at its own deadline if that is sooner.
local function doom(id, at)
  local h = redis.call('HMGET', P .. 'r:' .. id, 'cx', 'd')
  if h[1] then return end
  redis.call('HSET', P .. 'r:' .. id, 'cx', at)
  if h[2] and h[2] ~= '' and tonumber(h[2]) <= at then return end
  redis.call('HSET', P .. 'r:' .. id, 'd', at)
  redis.call('ZADD', P .. 'deadline', at, id)
end

-- Let it take notice: settled at once where no code could, or woken when nothing below it is pending.
local function notice(id)
  local h = redis.call('HMGET', P .. 'r:' .. id, 's', 't', 'e')
  if h[1] ~= 'P' then return end
  if h[2] == '-' or h[2] == 'H' or h[3] == '0' then return settle(id, 'C', '') end
  tell(id)
end
