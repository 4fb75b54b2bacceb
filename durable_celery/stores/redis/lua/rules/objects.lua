-- Virtual objects: their exclusive calls take turns, and change their state.
--
-- The mailbox is the list of exclusive calls in order of acceptance. Its head
-- may be executed, parked or not; whoever is behind it is queued.

-- Whether it is this call's turn; an exclusive one that is not in its mailbox yet goes to the end of it.
local function turn(id)
  local h = redis.call('HMGET', P .. 'r:' .. id, 'ac', 'ob', 'in')
  if h[1] ~= 'X' then return true end
  local box = P .. 'mb:' .. h[2]
  if not h[3] then
    redis.call('RPUSH', box, id)
    redis.call('HSET', P .. 'r:' .. id, 'in', 1)
  end
  if redis.call('LINDEX', box, 0) == id then return true end
  redis.call('HSET', P .. 'r:' .. id, 't', 'Q')
  redis.call('ZREM', P .. 'ready', id)
  return false
end

-- Take a settled one out of its mailbox; if it was its turn, the next one's has come.
local function pass_on(id)
  local h = redis.call('HMGET', P .. 'r:' .. id, 'ac', 'ob', 'in')
  if h[1] ~= 'X' or not h[3] then return end
  local box = P .. 'mb:' .. h[2]
  if redis.call('LINDEX', box, 0) ~= id then return redis.call('LREM', box, 0, id) end
  redis.call('LPOP', box)
  local following = redis.call('LINDEX', box, 0)
  if following then wake(following) end
end

-- Change the state of the object of a call; ARGV from `first` on are mark, name, text; the mark is s to set, d to clear.
-- Or keep a line that was logged: then they are l, how many are kept, and the line.
local function alter(id, first)
  if not ARGV[first] then return end
  local state = P .. 'st:' .. (redis.call('HGET', P .. 'r:' .. id, 'ob') or '')
  for i = first, #ARGV, 3 do
    if ARGV[i] == 's' then
      redis.call('HSET', state, ARGV[i + 1], ARGV[i + 2])
    elseif ARGV[i] == 'l' then
      logged(id, ARGV[i + 1], ARGV[i + 2])
    else
      redis.call('HDEL', state, ARGV[i + 1])
    end
  end
end
