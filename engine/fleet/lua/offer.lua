-- ARGV 3: call, source, past, held entry (''), fencing epoch (''), most entries. Returns the state.
local call, source, past, held, epoch, most = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local latest = epoch ~= '' and redis.call('GET', EPOCH)
if epoch ~= '' and (not latest or tonumber(latest) > tonumber(epoch)) then return 'stale' end -- none: lost, and so is the lead
local until_ms = redis.call('ZSCORE', QUARANTINED, call)
if until_ms and tonumber(until_ms) > now then return 'quarantined' end
local entry = redis.call('HGET', CALLS, call)
if entry and held ~= '' and entry ~= held and not owner(entry) then
  drop(entry) -- offered anew by somebody, not taken yet; the one who hears the call offers it better
elseif entry then
  return 'known'
end
if source == 'earlier' and redis.call('ZSCORE', ENDED, call) then return 'known' end -- it has ended since
if redis.call('XLEN', OFFERS) >= most then return 'full' end
if held == '' then
  redis.call('HSET', CALLS, call, add(call, source, past, '', ''))
else -- Redis has lost its data: what is held goes on to own the call until the new entry's taker hears it
  redis.call('HSET', HANDOVERS, call, add(call, source, past, me, held))
  redis.call('HSET', CALLS, call, held)
  redis.call('ZADD', SEEN, 'NX', now, me) -- that we are here was lost, too
end
return 'offered'
