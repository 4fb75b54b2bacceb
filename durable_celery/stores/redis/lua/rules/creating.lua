-- Write a new record; ARGV from `first` on are its fields and values.
local function birth(id, timeout_ms, delay_ms, latest, first)
  local r, deadline = P .. 'r:' .. id, ''
  if timeout_ms ~= '' then deadline = now + tonumber(timeout_ms) end
  if latest and latest ~= '' and (deadline == '' or deadline > tonumber(latest)) then deadline = tonumber(latest) end
  redis.call('HSET', r, 's', 'P', 'e', 0, 'jc', 0, 'cr', 0, 'c', now, 'd', deadline, unpack(ARGV, first))
  if deadline ~= '' then redis.call('ZADD', P .. 'deadline', deadline, id) end
  local h = redis.call('HMGET', r, 't', 'rt', 'p', 'f')
  if h[1] ~= '-' then counted(h[4], 1) end
  if h[2] ~= id then
    redis.call('ZADD', P .. 't:' .. h[2], 1, id)
    if h[3] and h[1] ~= '-' then redis.call('HINCRBY', P .. 'r:' .. h[3], 'pc', 1) end
  end
  if h[2] == id and h[1] ~= '-' then redis.call('ZADD', P .. 'x', now, id) end
  local delay = tonumber(delay_ms)
  if h[1] == '-' and redis.call('HEXISTS', r, 'cv') == 1 then begin_tending(id, delay) end
  if h[1] == 'Y' then
    if delay > 0 then redis.call('HSET', r, 'nb', now + delay) end
    if delay > 0 or turn(id) then redis.call('ZADD', P .. 'ready', now + (delay > 0 and delay or GRACE), id) end
  end
  live(id)
end

-- What a publisher needs to know of every id that became ready.
local function rows(ids)
  local out, seen = {}, {}
  for _, id in ipairs(ids or woken) do
    if not seen[id] then
      seen[id] = true
      local h = redis.call('HMGET', P .. 'r:' .. id, 'f', 'v', 'q', 'pr', 'cv', 'e')
      out[#out + 1] = {id, h[1] or '', h[2] or '1', h[3] or '', h[4] or '', h[5] or '', h[6] or '0'}
    end
  end
  return out
end
