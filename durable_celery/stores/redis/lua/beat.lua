-- T9. Renew the leases of one process, and note what each runs at the moment.
-- Returns {the ids that are not the caller's any more, the ids that are cancelled}.
local partition = unpack(KEYS)
-- then: id, token, lease_ms, running, …

local lost, cancelled = {}, {}
for i = 1, #ARGV, 4 do
  local id, token, lease_ms, running = unpack(ARGV, i, i + 3)
  if live(id) == 'P' and held(id, token, '') then
    redis.call('ZADD', P .. 'lease', 'XX', now + tonumber(lease_ms), id)
    if running ~= '' then
      redis.call('HSET', P .. 'r:' .. id, 'run', running)
      moved(id)
    end
    if redis.call('HEXISTS', P .. 'r:' .. id, 'cx') == 1 then cancelled[#cancelled + 1] = id end
  else
    lost[#lost + 1] = id
  end
end
return {lost, cancelled}
