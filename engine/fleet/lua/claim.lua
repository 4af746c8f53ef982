-- ARGV 3: how many, whether to look at all pending entries ('1') rather than at those of consumers not seen for a lease.
-- Returns rows: entry, call, source, past, holder, held entry, times delivered.
local want, all = tonumber(ARGV[3]), ARGV[4] == '1'
local found = {}

local function dead_or_alive(holder, call, entry, held)
  if alive(holder) then return holder, held end
  promote(call, entry)
  if held ~= redis.call('HGET', CALLS, call) then drop(held) end
  return '', ''
end

local function consider(entry, consumer, delivered)
  local row = redis.call('XRANGE', OFFERS, entry, entry)[1]
  if not row then return drop(entry) end
  local call, source, past, holder, held = row[2][2], row[2][4], row[2][6], row[2][8], row[2][10]
  local owning, coming = redis.call('HGET', CALLS, call), handover(call)
  if owning ~= entry and coming ~= entry then return drop(entry) end
  if owning == entry and coming then return promote(call, coming) end
  if redis.call('ZSCORE', WITHDRAWN, call) and owning == entry then
    drop(entry)
    return forget(call)
  end
  if consumer == NOBODY then
    local giver = redis.call('HGET', GIVERS, entry)
    local rest = giver == me and redis.call('XPENDING', OFFERS, GROUP, entry, entry, 1)[1][3] < lease
    if rest then return end -- who could not follow it lets others try first
    redis.call('HDEL', GIVERS, entry)
  end
  if coming == entry then
    holder, held = dead_or_alive(holder, call, entry, held)
  else
    holder, held = '', ''
  end
  redis.call('XCLAIM', OFFERS, GROUP, me, 0, entry, 'RETRYCOUNT', delivered + 1, 'JUSTID')
  past = redis.call('HGET', PAST, call) or past
  found[#found + 1] = { entry, call, source, past, holder, held, delivered + 1 }
end

local function look(consumer, idle)
  local args = { 'XPENDING', OFFERS, GROUP, 'IDLE', idle, '-', '+', want - #found + 64 }
  if consumer then args[#args + 1] = consumer end
  for _, row in ipairs(redis.call(unpack(args))) do
    if #found >= want then return end
    consider(row[1], row[2], row[4])
  end
end

look(NOBODY, 0)
for _, consumer in ipairs(redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - lease)) do
  if #found >= want then break end
  look(consumer, lease)
end
if all and #found < want then look(nil, lease) end
return found
