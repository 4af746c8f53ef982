-- ARGV 3: entries. Those that are ours are nobody's: others may claim them at once, we after a lease.
for i = 3, #ARGV do
  if owner(ARGV[i]) == me then
    redis.call('XCLAIM', OFFERS, GROUP, NOBODY, 0, ARGV[i], 'JUSTID')
    redis.pcall('HSET', GIVERS, ARGV[i], me)
  end
end
