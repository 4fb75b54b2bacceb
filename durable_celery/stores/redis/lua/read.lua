-- Look at a record, and at its journal when asked; writes nothing.
-- Returns {now, the record, the journal}; an empty record when there is no such promise.
local partition = unpack(KEYS)
local id, with_journal = unpack(ARGV, 1, 2)

local journal = with_journal == '1' and redis.call('HGETALL', P .. 'j:' .. id) or {}
return {now, redis.call('HGETALL', P .. 'r:' .. id), journal}
