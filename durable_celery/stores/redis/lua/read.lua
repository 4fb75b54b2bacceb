-- Look at a record, and at its journal when asked; writes nothing.
-- Returns {now, the record, the journal}; without such a promise an empty record, and of a burnt id the function.
local partition = unpack(KEYS)
local id, with_journal = unpack(ARGV, 1, 2)

local journal = with_journal == '1' and redis.call('HGETALL', P .. 'j:' .. id) or {}
local record = redis.call('HGETALL', P .. 'r:' .. id)
if #record == 0 then return {now, record, journal, burnt(id) or false} end
return {now, record, journal}
