-- Who waits for what: timers, and how an outcome reaches an awaiter.
--
-- A registration reads `<epoch> <group>|<fail fast> …`, one pair for every group
-- it counts for. One left over from an earlier suspension has another epoch: it
-- still delivers its outcome, but wakes nobody.

-- Forget the timers of an execution; `paths` is what its field `tp` says.
local function disarm(id, paths)
  if not paths then return end
  for path in string.gmatch(paths, '%S+') do
    redis.call('ZREM', P .. 'timer', id .. '|' .. path)
    redis.call('HDEL', P .. 'r:' .. id, 'th:' .. path)
  end
end

-- Put an outcome into the journal of who waits for it, and wake it when a group of its is complete.
local function deliver(awaiter, path, how, state, value)
  local r = P .. 'r:' .. awaiter
  local h = redis.call('HMGET', r, 's', 't', 'd', 'e', 'cx', 'ch', 'pc')
  if h[1] ~= 'P' then return end
  if past(h[3]) then live(awaiter) return end
  if redis.call('HSETNX', P .. 'j:' .. awaiter, path .. '!', state .. '\n' .. value) == 0 then return end
  moved(awaiter)
  local epoch, groups = string.match(how, '^(%d+) (.*)$')
  if h[2] ~= 'S' or h[4] ~= epoch then return end
  local complete = false
  for group, fast in string.gmatch(groups, '(%d+)|(%d)') do
    if redis.call('HINCRBY', r, 'g' .. group, -1) <= 0 or (fast == '1' and state ~= 'R') then complete = true end
  end
  if complete and not kept(h[5], h[6], h[7]) then wake(awaiter) end
end
