-- How a verb that may write ends: counted, so that a store which lost its tail is behind what its clients have seen.
-- A holder that saw more than there is has read what is gone: it is refused before anything is written.
-- Why a full memory is not an error here: the verb itself has said so, or had nothing to write.
-- Returns {the count, the answer}; the count is -1 when it could not be written.
local at = tonumber(redis.call('GET', P .. 'seq') or 0)
if at < floor then return {at, {'LOST'}} end
local answer = verb()
local seq = redis.pcall('INCR', P .. 'seq')
return {type(seq) == 'number' and seq or -1, answer}
