-- What every script begins with: where its keys are, and the store's clock.
--
-- All keys are derived from KEYS[1], the partition's prefix with its hash tag,
-- so a script touches one slot only. Fields and keys: see keys.py.
-- Payloads are opaque strings: nothing here decodes JSON.
local P = KEYS[1]
local floor = tonumber(table.remove(ARGV, 1)) -- how far the caller has seen the store go, when that is a fence; else 0
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local told = redis.call('GET', P .. 'clock') -- by tests: milliseconds to add, or @ and the time itself
if told then now = tonumber(string.match(told, '^@(%d+)$')) or now + told end
