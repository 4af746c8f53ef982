-- KEYS 1: what one rule did on one channel of one call, by phrase end. ARGV: instance, key, phrase end ms, ms around, s kept.
-- 1 where nothing of another instance stands around that time: the effect is ours, also if it was already.
local end_ms, around = tonumber(ARGV[3]), tonumber(ARGV[4])
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], end_ms - around, end_ms + around)) do
  if member:sub(1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then return 0 end
end
redis.call('ZADD', KEYS[1], end_ms, ARGV[1] .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
