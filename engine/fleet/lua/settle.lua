-- ARGV 3: entry, call, ms of quarantine (0: none). 1 where the entry was ours.
local entry, call, quarantine = ARGV[3], ARGV[4], tonumber(ARGV[5])
local owning, consumer = redis.call('HGET', CALLS, call), owner(entry)
-- Nobody's, and owning: Redis has lost it, and we have offered the call anew.
if consumer ~= me and not (owning == entry and not consumer) then return 0 end
drop(entry)
if owning == entry or not owning then
  forget(call)
elseif redis.call('HGET', HANDOVERS, call) == entry then
  redis.call('HDEL', HANDOVERS, call) -- we could not take it over; who holds it keeps it
end
redis.call('ZREMRANGEBYSCORE', QUARANTINED, '-inf', now)
if quarantine > 0 then redis.call('ZADD', QUARANTINED, now + quarantine, call) end
return 1
