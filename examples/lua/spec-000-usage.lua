-- net, "Events": a TCP client. Start it with the host and the port of a server:
--   lua5.4 spec-000-usage.lua 127.0.0.1 8080
local tw = require "twinwire"
local net, runtime = tw.net, tw.runtime
local host, port = arg[1] or "192.168.1.10", tonumber(arg[2] or 8080)

local sock = net.tcpConnect(host, port)

net.on(sock, "connected", function(e)
  net.send(e.sock, "ping")
end)
net.on(sock, "data", function(e)
  print("recv: " .. e.data)
end)
runtime.keepAlive()
