-- T13. Cancel a promise and every pending one below it.
-- With a grace (ms) an execution that has begun goes on, so that its body is told
-- and may compensate; what is not settled when the grace ends is settled then.
-- Without one all are settled now, and a holder learns it at its next fenced call.
-- Returns {OK | DEDUP (asked before) | EXISTS, the record, who became ready} or {ABSENT}.
local partition = unpack(KEYS)
local id, grace_ms = unpack(ARGV, 1, 2)

local state = live(id)
if not state then return {'ABSENT'} end
local r = P .. 'r:' .. id
if state ~= 'P' then return {'EXISTS', redis.call('HGETALL', r), rows()} end
local answer = redis.call('HEXISTS', r, 'cx') == 1 and 'DEDUP' or 'OK'
local members = family(id)
if grace_ms == '0' then
  answer = 'OK'
  for _, member in ipairs(members) do
    if live(member) == 'P' then settle(member, 'C', '') end
  end
else
  for _, member in ipairs(members) do
    if live(member) == 'P' then doom(member, now + tonumber(grace_ms)) end
  end
  for i = #members, 1, -1 do notice(members[i]) end
end
return {answer, redis.call('HGETALL', r), rows()}
