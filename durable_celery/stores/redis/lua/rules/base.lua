-- The rules that several verbs share: deadlines, fences, wake-ups.
local GRACE = 2000
local woken, parked = {}, {}
local fulfilling -- the id whose own holder settles it: it needs no hint
local settle

-- Whether there is a deadline and it has passed.
local function past(deadline)
  return deadline and deadline ~= '' and tonumber(deadline) <= now
end

-- The state of a promise after its deadline was applied; false when there is no such promise.
-- A deadline that a cancellation set is where its grace ends.
local function live(id)
  local h = redis.call('HMGET', P .. 'r:' .. id, 's', 'd', 'tm', 'cx')
  if h[1] == 'P' and past(h[2]) then
    local state = h[2] == h[4] and 'C' or h[3] == '1' and 'R' or 'T'
    settle(id, state, '', h[2])
    return state
  end
  return h[1]
end

-- Whether this token holds it, with its journal at this cursor ('' for any).
local function held(id, token, cursor)
  local h = redis.call('HMGET', P .. 'r:' .. id, 't', 'n', 'jc')
  return h[1] == 'A' and h[2] == token and (cursor == '' or tonumber(h[3]) == tonumber(cursor))
end

-- Hint that its record or its journal has changed, to those who follow it closely.
local function moved(id) redis.call('PUBLISH', P .. 'moved:' .. id, '') end

-- Make it ready, for whoever publishes it or else the sweep.
local function wake(id)
  redis.call('HSET', P .. 'r:' .. id, 't', 'Y', 'bo', 0)
  redis.call('ZADD', P .. 'ready', now + GRACE, id)
  woken[#woken + 1] = id
  moved(id)
end

-- Whether a cancelled execution has to wait for what is below it before its body may be told.
local function kept(cx, heeded, pending)
  return cx and not heeded and tonumber(pending or 0) > 0
end

-- Wake one that is cancelled and was not told yet, when nothing below it is pending any more.
local function tell(id)
  local h = redis.call('HMGET', P .. 'r:' .. id, 't', 'cx', 'ch', 'pc')
  if h[1] == 'S' and h[2] and not h[3] and not kept(h[2], h[3], h[4]) then wake(id) end
end
