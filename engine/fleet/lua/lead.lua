-- ARGV 3: ms. The fencing epoch where we lead, taken or renewed; 0 where another does. Epochs grow, also when data were lost.
local ms, leader = ARGV[3], redis.call('GET', LEADER)
if leader == me then
  redis.call('PEXPIRE', LEADER, ms)
  return redis.call('GET', EPOCH)
elseif leader then
  return '0'
end
local epoch = math.max(tonumber(redis.call('GET', EPOCH) or 0) + 1, now)
redis.call('SET', EPOCH, string.format('%d', epoch))
redis.call('SET', LEADER, me, 'PX', ms)
return string.format('%d', epoch)
