-- ARGV 3: entry, call, held entry. 1 where the call is ours alone from here on.
local entry, call, held = ARGV[3], ARGV[4], ARGV[5]
if owner(entry) ~= me then return 0 end
local owning = redis.call('HGET', CALLS, call)
if owning == entry then return 1 end
if owning == held and redis.call('HGET', HANDOVERS, call) == entry then
  promote(call, entry)
  return 1
end
drop(entry)
return 0
