-- What is known beside the records: burnt ids, how many executions are pending, and what was logged.

-- What had this id and is kept no more, where the id may not be used again; false when it may.
-- Its tombstone is set with the lifetime of the record, since a key that ends by itself runs no script.
local function burnt(id)
  return redis.call('GET', P .. 'tb:' .. id)
end

-- One more execution of a function is pending, or one less.
local function counted(fn, change)
  if redis.call('HINCRBY', P .. 'pending', fn, change) <= 0 then redis.call('HDEL', P .. 'pending', fn) end
end

-- A line that a body logged; no more than the last ones are kept.
local function logged(id, most, text)
  redis.call('RPUSH', P .. 'l:' .. id, redis.call('HINCRBY', P .. 'r:' .. id, 'ln', 1) .. ' ' .. text)
  redis.call('LTRIM', P .. 'l:' .. id, -most, -1)
end
