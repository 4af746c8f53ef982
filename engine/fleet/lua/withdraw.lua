-- ARGV 3: call. Taken by a node that is alive: it is told at its next renewal. Else the call is gone.
local call = ARGV[3]
local entry = redis.call('HGET', CALLS, call)
if not entry then return 'unknown' end
local coming = handover(call)
if followed(entry) or (coming and followed(coming)) then
  redis.call('ZADD', WITHDRAWN, now, call)
  return 'asked'
end
drop(entry)
forget(call)
return 'withdrawn'
