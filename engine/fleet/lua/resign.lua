if redis.call('GET', LEADER) == me then redis.call('DEL', LEADER) end
