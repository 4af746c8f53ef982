-- What is still pending is nobody's; then nothing of this consumer is left.
for _, row in ipairs(redis.call('XPENDING', OFFERS, GROUP, '-', '+', 10000000, me)) do
  redis.call('XCLAIM', OFFERS, GROUP, NOBODY, 0, row[1], 'JUSTID')
end
redis.call('XGROUP', 'DELCONSUMER', OFFERS, GROUP, me)
redis.call('ZREM', SEEN, me)
redis.call('HDEL', NODES, me)
if redis.call('GET', LEADER) == me then redis.call('DEL', LEADER) end
