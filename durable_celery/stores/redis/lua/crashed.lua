-- T11. The process that had this execution is known to be dead.
-- One that died between the hint and the claim left it ready: it is published at once too.
-- Returns who became ready.
local partition = unpack(KEYS)
local id, holder, max_attempts, reason = unpack(ARGV, 1, 4)

if live(id) ~= 'P' then return rows() end
local h = redis.call('HMGET', P .. 'r:' .. id, 't', 'w', 'nb')
if h[1] == 'A' and h[2] == holder then
  lapse(id, max_attempts, reason)
elseif h[1] == 'Y' and not (h[3] and tonumber(h[3]) > now) then
  wake(id)
end
return rows()
