-- How a verb ends that only looks.
-- Returns {how many have written, the answer}.
return {tonumber(redis.call('GET', P .. 'seq') or 0), verb()}
