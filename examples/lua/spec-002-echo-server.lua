-- net, "Complete Example: Echo Server". Start it with an address and a port:
--   lua5.4 spec-002-echo-server.lua 0.0.0.0 9000
local tw = require "twinwire"

local function handleClient(client)
  print("Client connected: " .. client:remoteAddr())
  while true do
    local data, error = client:read(4096)
    if not data then -- a client that fails ends its own conversation only
      print(error)
      break
    end
    if #data == 0 then
      print("Client disconnected")
      break
    end
    -- Echo back
    if not client:writeAll(data) then break end
  end
  client:close()
end

local server = tw.TcpServer(arg[1] or "0.0.0.0", tonumber(arg[2] or 9000))
print("Echo server listening on " .. server:addr())

tw.accept(server, handleClient) -- spawns a thread for each client
tw.channel.recv(tw.channel.make(), 86400000)
