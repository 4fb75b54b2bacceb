-- T22. Note how far an execution is, and what it logged, for people; neither is in the journal.
-- Why the mark: lines whose reply was lost are not to be written twice.
-- Returns {OK} or {LOST}.
local partition = unpack(KEYS)
local id, token, progress, mark = unpack(ARGV, 1, 4) -- then: mark, name, text, …

local r = P .. 'r:' .. id
if live(id) ~= 'P' or not held(id, token, '') then return {'LOST'} end
if progress ~= '' then redis.call('HSET', r, 'pg', progress) end
if mark ~= '' and redis.call('HGET', r, 'lm') ~= mark then
  redis.call('HSET', r, 'lm', mark)
  alter(id, 5)
end
moved(id)
return {'OK'}
