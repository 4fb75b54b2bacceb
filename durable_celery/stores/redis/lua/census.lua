-- T24. Count what is pending and what is due; writes nothing.
-- Returns {how many are in each index, …, {function, how many of it are pending, …}}.
local partition = unpack(KEYS)

local found = {redis.call('SCARD', P .. 'parked')}
for _, index in ipairs({'ready', 'lease', 'timer', 'tend', 'x'}) do
  found[#found + 1] = redis.call('ZCARD', P .. index)
end
found[#found + 1] = redis.call('HGETALL', P .. 'pending')
return found
