-- ARGV 3: status row, then entry, call, past for each held one. All that are still ours are ours for another lease.
-- Returns time, lost (entry, consumer, …), moved, missing, withdrawn calls. Room for notes may lack; leases need none.
local held, calls, ours, others, lost, moved, missing, withdrawn = {}, {}, {}, {}, {}, {}, {}, {}
for i = 4, #ARGV, 3 do
  held[ARGV[i]] = false
  calls[ARGV[i + 1]] = true
end
local spare = {}
for _, row in ipairs(redis.call('XPENDING', OFFERS, GROUP, '-', '+', 10000000, me)) do
  if held[row[1]] == false then
    held[row[1]] = true
  elseif row[3] >= lease then
    spare[#spare + 1] = row[1] -- it had these, and follows them no more: they are for others
  end
end
local notes = {}
for i = 4, #ARGV, 3 do
  local list = held[ARGV[i]] and ours or others
  list[#list + 1] = i
  if held[ARGV[i]] and ARGV[i + 2] ~= '' then
    notes[#notes + 1] = ARGV[i + 1]
    notes[#notes + 1] = ARGV[i + 2]
  end
end

for first = 1, #ours, 1000 do
  local ids, known = {}, {}
  for i = first, math.min(first + 999, #ours) do ids[#ids + 1] = ARGV[ours[i]] end
  ids[#ids + 1] = 'JUSTID'
  local claimed = redis.call('XCLAIM', OFFERS, GROUP, me, 0, unpack(ids))
  if #claimed < #ids - 1 then -- some are in no stream any more
    for _, id in ipairs(claimed) do known[id] = true end
    for i = 1, #ids - 1 do
      if not known[ids[i]] then missing[#missing + 1] = ids[i] end
    end
  end
end
redis.pcall('ZADD', SEEN, now, me) -- Redis refuses for lack of memory only what a script writes first; claims it never refuses
for _, id in ipairs(spare) do redis.call('XCLAIM', OFFERS, GROUP, NOBODY, 0, id, 'JUSTID') end

for _, i in ipairs(others) do
  local entry, call = ARGV[i], ARGV[i + 1]
  local owning = redis.call('HGET', CALLS, call)
  if owning == entry then
    local consumer = owner(entry)
    if consumer then
      lost[#lost + 1] = entry
      lost[#lost + 1] = consumer
    elseif not handover(call) then
      missing[#missing + 1] = entry
    end
  elseif owning then
    local a, b = entry:match('^(%d+)'), owning:match('^(%d+)')
    local later = tonumber(b) > tonumber(a) or (a == b and tonumber(owning:match('%d+$')) > tonumber(entry:match('%d+$')))
    if later then
      moved[#moved + 1] = entry
    else
      lost[#lost + 1] = entry
      lost[#lost + 1] = owner(owning) or ''
    end
  elseif redis.call('ZSCORE', ENDED, call) then
    lost[#lost + 1] = entry
    lost[#lost + 1] = ''
  else
    missing[#missing + 1] = entry
  end
end

for _, call in ipairs(redis.call('ZRANGE', WITHDRAWN, 0, -1)) do
  if calls[call] then withdrawn[#withdrawn + 1] = call end
end
for first = 1, #notes, 1000 do
  redis.pcall('HSET', PAST, unpack(notes, first, math.min(first + 999, #notes)))
end
redis.pcall('HSET', NODES, me, ARGV[3])
-- Rows of nodes that are gone; what they held first goes to others.
for _, consumer in ipairs(redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - 3 * lease, 'LIMIT', 0, 10)) do
  redis.call('HDEL', NODES, consumer)
  if #redis.call('XPENDING', OFFERS, GROUP, '-', '+', 1, consumer) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', OFFERS, GROUP, consumer)
    redis.call('ZREM', SEEN, consumer)
  end
end
return { time, lost, moved, missing, withdrawn }
