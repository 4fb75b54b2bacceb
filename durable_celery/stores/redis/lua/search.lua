-- T23. Executions that are roots, newest first; a page ends before one more than it holds, or where enough was looked at.
-- Why the index is mended here: records end by themselves, and their entries do not.
-- Returns {now, where it ended or '', {id, the fields asked for}, …}.
local partition = unpack(KEYS)
local state, prefix, before, beyond, limit, depth, fields = unpack(ARGV, 1, 7) -- then: field, …, function, …

local names, wanted, any = {}, {}, #ARGV == 7 + fields
for i = 8, 7 + fields do names[#names + 1] = ARGV[i] end
for i = 8 + fields, #ARGV do wanted[ARGV[i]] = true end

-- Its state as it reads: a passed deadline shows, as in `live`, and is not applied.
local function reads(h)
  if h[1] ~= 'P' or not past(h[2]) then return h[1] end
  return h[2] == h[4] and 'C' or h[3] == '1' and 'R' or 'T'
end

local found, gone, last, shown, offset, looked = {now, ''}, {}, '', '', 0, 0
local function look(id, at)
  if tostring(at) == before and id >= beyond then return end
  looked, last = looked + 1, at .. ':' .. id
  local h = redis.call('HMGET', P .. 'r:' .. id, 's', 'd', 'tm', 'cx', 'f')
  if not h[1] then gone[#gone + 1] = id return end
  local fits = (any or wanted[h[5]]) and string.sub(id, 1, #prefix) == prefix and (state == '' or reads(h) == state)
  if not fits then return end
  if #found - 2 >= tonumber(limit) then found[2] = shown return end
  found[#found + 1], shown = {id, redis.call('HMGET', P .. 'r:' .. id, unpack(names))}, last
end

while found[2] == '' do
  local most = before == '' and '+inf' or before
  local members = redis.call('ZREVRANGEBYSCORE', P .. 'x', most, '-inf', 'WITHSCORES', 'LIMIT', offset, 100)
  for i = 1, #members, 2 do
    if looked >= tonumber(depth) then found[2] = last else look(members[i], members[i + 1]) end
    if found[2] ~= '' then break end
  end
  if #members < 200 then break end
  offset = offset + 100
end
for i = 1, #gone, 100 do redis.call('ZREM', P .. 'x', unpack(gone, i, math.min(i + 99, #gone))) end
return found
