-- ARGV 3: entry, call, past. 1 where its offer to others stands now, 0 where it is not ours or one stands already.
local entry, call, past = ARGV[3], ARGV[4], ARGV[5]
if owner(entry) ~= me or redis.call('HGET', CALLS, call) ~= entry or handover(call) then return 0 end
redis.call('HSET', HANDOVERS, call, add(call, 'handover', past, me, entry))
return 1
