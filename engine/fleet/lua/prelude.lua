-- Stands before every script. KEYS are always the same, in scripts.py's order; ARGV[1] is the consumer, ARGV[2] the lease in ms.
-- Law: a call has one owning entry (CALLS: conversation → entry). An entry is waiting (in OFFERS, nobody's), taken (pending
-- with a consumer) or gone. HANDOVERS: conversation → an entry that shall own it once its taker hears the call.
local OFFERS, CALLS, HANDOVERS, PAST, WITHDRAWN, QUARANTINED, ENDED, SEEN, NODES, GIVERS, LEADER, EPOCH = unpack(KEYS)
local GROUP, NOBODY, ENDED_KEPT_MS = 'nodes', 'nobody', 600000
local me, lease = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Who has an entry, and for how many ms unrenewed; nil where nobody has taken it (or it is gone).
local function owner(entry)
  local row = redis.call('XPENDING', OFFERS, GROUP, entry, entry, 1)[1]
  if row then return row[2], row[3] end
end

local function alive(consumer)
  local seen = redis.call('ZSCORE', SEEN, consumer)
  return seen and now - seen < lease
end

-- Whether somebody who is not dead has taken it.
local function followed(entry)
  local consumer, idle = owner(entry)
  return consumer and consumer ~= NOBODY and (idle < lease or alive(consumer))
end

local function drop(entry)
  redis.call('XACK', OFFERS, GROUP, entry)
  redis.call('XDEL', OFFERS, entry)
  redis.call('HDEL', GIVERS, entry)
end

-- The handover that stands for a call; one whose entry has gone does not stand.
local function handover(call)
  local entry = redis.call('HGET', HANDOVERS, call)
  if entry and #redis.call('XRANGE', OFFERS, entry, entry) == 0 then
    redis.call('HDEL', HANDOVERS, call)
    return nil
  end
  return entry or nil
end

-- Nothing is known of the call any more but that it has ended, for a while.
local function forget(call)
  local entry = redis.call('HGET', HANDOVERS, call)
  if entry then drop(entry) end
  redis.call('HDEL', HANDOVERS, call)
  redis.call('HDEL', CALLS, call)
  redis.call('HDEL', PAST, call)
  redis.call('ZREM', WITHDRAWN, call)
  redis.call('ZADD', ENDED, now, call)
  redis.call('ZREMRANGEBYSCORE', ENDED, '-inf', now - ENDED_KEPT_MS)
end

-- The handover's entry owns the call from here on; whatever had owned it is gone.
local function promote(call, entry)
  local before = redis.call('HGET', CALLS, call)
  if before and before ~= entry then drop(before) end
  redis.call('HSET', CALLS, call, entry)
  redis.call('HDEL', HANDOVERS, call)
end

-- A new entry. `past`, `holder`, `held` may be ''.
local function add(call, source, past, holder, held)
  return redis.call('XADD', OFFERS, '*', 'c', call, 's', source, 'p', past, 'h', holder, 'e', held)
end
