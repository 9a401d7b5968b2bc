-- std/net.vv, the first example: dial, and read text. Start it with a network and an address:
--   lua5.4 spec-004-client.lua tcp 127.0.0.1:8080
local net = require "twinwire"

local client <close> = assert(net.dial(arg[1] or "tcp", arg[2] or "127.0.0.1:8080"))
while true do
  local bytes = assert(net.read(client, 1024))
  if #bytes == 0 then break end
  print(bytes)
end
