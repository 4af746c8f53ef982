-- ARGV 3: call. Its holder keeps it; a taker learns so at its renewal.
local entry = redis.call('HGET', HANDOVERS, ARGV[3])
if entry then
  drop(entry)
  redis.call('HDEL', HANDOVERS, ARGV[3])
end
