-- T5, T6. Leave until a group of awaited promises and instants is complete.
-- Why it looks at them first: one settled since the spawn would never call back.
-- Returns {OK} when suspended, {NOW, path, state, value, …} when not (with `peek`
-- always), {UNKNOWN, id}, {CANCELLED} when the holder does not know it yet (see heed), or {LOST}.
local partition = unpack(KEYS)
local id, token, cursor, peek = unpack(ARGV, 1, 4) -- then per group: need, fast, n, and n times: path, 'p' or 't', id or instant

local r, j = P .. 'r:' .. id, P .. 'j:' .. id
if live(id) ~= 'P' then return {'LOST'} end
local h = redis.call('HMGET', r, 't', 'n', 'e', 'tp', 'cx', 'ch')
if h[2] == token and h[1] ~= 'A' then return {'OK'} end -- the reply was lost
if not held(id, token, cursor) then return {'LOST'} end
if h[5] and not h[6] and peek == '0' then return {'CANCELLED'} end

local function look(kind, ref)
  if kind == 't' then return tonumber(ref) <= now and 'R' or 'P', '' end
  return live(ref), redis.call('HGET', P .. 'r:' .. ref, 'o') or ''
end

local here, pending, order, left, timers, complete, i = {'NOW'}, {}, {}, {}, {}, peek == '1', 5
while i <= #ARGV do
  local need, fast, n = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2])
  for at = i + 3, i + 3 * n, 3 do
    local path, kind, ref = unpack(ARGV, at, at + 2)
    local state, value = look(kind, ref)
    if not state then return {'UNKNOWN', ref} end
    if state ~= 'P' then
      redis.call('HSETNX', j, path .. '!', state .. '\n' .. value)
      for _, part in ipairs({path, state, value}) do here[#here + 1] = part end
      need = need - 1
      complete = complete or (fast == '1' and state ~= 'R')
    else
      if not pending[path] then order[#order + 1] = path end
      local await = pending[path] or {kind, ref, h[3]}
      await[3] = await[3] .. ' ' .. (#left + 1) .. '|' .. fast
      pending[path] = await
    end
  end
  left[#left + 1], i = need, i + 3 + 3 * n
  complete = complete or need <= 0
end
if #here > 1 or not complete then moved(id) end
if complete then return here end

disarm(id, h[4])
redis.call('HDEL', r, 'w', 'run')
for _, path in ipairs(order) do
  local kind, ref, how = unpack(pending[path])
  if kind == 'p' then
    redis.call('HSET', P .. 'cb:' .. ref, id .. '|' .. path, how)
  else
    redis.call('ZADD', P .. 'timer', ref, id .. '|' .. path)
    redis.call('HSET', r, 'th:' .. path, how)
    timers[#timers + 1] = path
  end
end
for group, need in ipairs(left) do redis.call('HSET', r, 'g' .. group, need) end
redis.call('HSET', r, 't', 'S', 'tp', table.concat(timers, ' '))
redis.call('ZREM', P .. 'lease', id)
return {'OK'}
