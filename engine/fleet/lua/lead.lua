-- ARGV 3: ms, '1' where this consumer has asked before. The fencing epoch where we lead, taken or renewed; 0 where another does, or
-- nobody yet. Epochs grow, also when data were lost.
local ms, asked, leader = ARGV[3], ARGV[4] == '1', redis.call('GET', LEADER)
if leader == me then
  redis.call('PEXPIRE', LEADER, ms)
  return redis.call('GET', EPOCH)
elseif leader then
  return '0'
end
local before = redis.call('GET', EPOCH)
local epoch = math.max(tonumber(before or 0) + 1, now)
redis.call('SET', EPOCH, string.format('%d', epoch))
if asked and not before then
  -- Data were lost. Who follows calls offers them again at its next renewal, with their places and its name; a leader that
  -- found them first would offer them as new ones, which somebody would follow from 0 beside who does.
  redis.call('SET', LEADER, '', 'PX', math.floor(tonumber(ms) / 2))
  return '0'
end
redis.call('SET', LEADER, me, 'PX', ms)
return string.format('%d', epoch)
