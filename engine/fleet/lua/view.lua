-- Time; rows consumer, seen ms, status; pending by consumer; leader, epoch; calls, quarantined; ms for which the one that waits
-- longest has been nobody's (-1: none waits); handovers whose giver still has the call, and those of them that a taker has, too.
local function taken(entry)
  local consumer = entry and owner(entry)
  return consumer and consumer ~= NOBODY
end

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

local handovers, both, coming = 0, 0, redis.call('HGETALL', HANDOVERS)
local moving = {} -- calls that a taker has
for i = 1, #coming, 2 do
  local giver, taker = taken(redis.call('HGET', CALLS, coming[i])), taken(coming[i + 1])
  if giver then handovers = handovers + 1 end
  if giver and taker then both = both + 1 end
  moving[coming[i]] = taker
end

local waits = -1
local function waited(entry, call, ms)
  local nobodys = redis.call('HGET', CALLS, call) == entry and not moving[call]
  if nobodys then waits = math.max(waits, ms) end
  return nobodys
end
for _, row in ipairs(redis.call('XRANGE', OFFERS, '(' .. last, '+', 'COUNT', #coming / 2 + 1)) do
  if waited(row[1], row[2][2], now - tonumber(row[1]:match('^%d+'))) then break end -- the first is the oldest
end
for _, row in ipairs(redis.call('XPENDING', OFFERS, GROUP, '-', '+', 10000000, NOBODY)) do
  local entry = redis.call('XRANGE', OFFERS, row[1], row[1])[1]
  if entry then waited(row[1], entry[2][2], row[3]) end
end
return {
  time, rows, pending[4] or {}, redis.call('GET', LEADER) or '', redis.call('GET', EPOCH) or '0',
  redis.call('HLEN', CALLS), redis.call('ZCOUNT', QUARANTINED, now, '+inf'), waits, handovers, both,
}
