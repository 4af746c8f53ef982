-- ARGV 3: consumers. Those seen within a lease.
local found = {}
for i = 3, #ARGV do
  if alive(ARGV[i]) then found[#found + 1] = ARGV[i] end
end
return found
