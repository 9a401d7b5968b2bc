-- net, "TCP Server": answers each client with OK. Start it with an address and a port:
--   lua5.4 spec-002-tcp-server.lua 0.0.0.0 8080
local tw = require "twinwire"

local server = tw.TcpServer(arg[1] or "0.0.0.0", tonumber(arg[2] or 8080))
print("Listening on " .. server:addr())

-- Accept connections in a loop
while true do
  local client = server:accept()
  print("New connection from " .. client:remoteAddr())

  -- Handle request
  local data = client:read(1024)
  print("Received: " .. data)

  -- Send response
  client:writeAll("OK\n")
  client:close()
end
