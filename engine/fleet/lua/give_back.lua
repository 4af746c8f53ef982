-- ARGV 3: '1' where that says nothing of the calls, so it is not counted as taken, then entries. Those that are ours are nobody's:
-- others may claim them at once, we after a lease.
for i = 4, #ARGV do
  local row = redis.call('XPENDING', OFFERS, GROUP, ARGV[i], ARGV[i], 1)[1]
  if row and row[2] == me then
    local delivered = ARGV[3] == '1' and math.max(0, row[4] - 1) or row[4]
    redis.call('XCLAIM', OFFERS, GROUP, NOBODY, 0, ARGV[i], 'RETRYCOUNT', delivered, 'JUSTID')
    redis.pcall('HSET', GIVERS, ARGV[i], me)
  end
end
