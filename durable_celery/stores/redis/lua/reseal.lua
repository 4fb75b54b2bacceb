-- T25. Exchange texts for others that say the same, where they still stand as they were read.
-- Why compared: whoever wrote meanwhile wrote what is to be kept.
-- Returns how many.
local partition = unpack(KEYS)
local key = unpack(ARGV, 1, 1) -- then: field or index, text as read, new text, …

local count, k = 0, P .. key
local read, write = 'HGET', 'HSET'
if string.sub(key, 1, 2) == 'l:' then read, write = 'LINDEX', 'LSET' end
for i = 2, #ARGV, 3 do
  if redis.call(read, k, ARGV[i]) == ARGV[i + 1] then
    redis.call(write, k, ARGV[i], ARGV[i + 2])
    count = count + 1
  end
end
return count
