-- net, "Auto-Reconnect (TCP)" and "Address": a connection that comes back. Start it with a host and a port:
--   lua5.4 spec-000-auto-reconnect.lua 127.0.0.1 8080
local tw = require "twinwire"
local net, runtime = tw.net, tw.runtime
local host, port = arg[1] or "192.168.1.10", tonumber(arg[2] or 8080)

local sock = net.tcpConnect(host, port)
net.setAutoReconnect(sock, true)
net.setReconnectDelays(sock, { 1, 2, 5, 10, 30 })

net.on(sock, "connected", function(e)
  print(("connected: %s to %s"):format(net.localAddr(e.sock), net.remoteAddr(e.sock)))
end)
net.on(sock, "disconnected", function()
  print("disconnected — will reconnect")
end)
runtime.keepAlive()
