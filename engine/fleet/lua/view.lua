-- Time; rows consumer, seen ms, status; pending by consumer; leader, epoch; entries, quarantined; oldest entry that nobody has.
local rows = {}
local seen = redis.call('ZRANGE', SEEN, 0, -1, 'WITHSCORES')
for i = 1, #seen, 2 do
  rows[#rows + 1] = { seen[i], seen[i + 1], redis.call('HGET', NODES, seen[i]) or '' }
end
local pending = redis.call('XPENDING', OFFERS, GROUP)
local info, last = redis.call('XINFO', 'GROUPS', OFFERS), '0-0'
for _, group in ipairs(info) do
  local fields = {}
  for i = 1, #group, 2 do fields[group[i]] = group[i + 1] end
  if fields.name == GROUP then last = fields['last-delivered-id'] end
end
local oldest = redis.call('XRANGE', OFFERS, '(' .. last, '+', 'COUNT', 1)[1]
local given = redis.call('XPENDING', OFFERS, GROUP, '-', '+', 1, NOBODY)[1]
return {
  time, rows, pending[4] or {}, redis.call('GET', LEADER) or '', redis.call('GET', EPOCH) or '0',
  redis.call('XLEN', OFFERS), redis.call('ZCOUNT', QUARANTINED, now, '+inf'),
  oldest and oldest[1] or '', given and given[1] or '', redis.call('HLEN', HANDOVERS),
}
