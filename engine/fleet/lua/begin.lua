-- This consumer is seen from now on: what it takes is its own for a lease. Returns Redis' time.
redis.call('ZADD', SEEN, now, me)
return time
