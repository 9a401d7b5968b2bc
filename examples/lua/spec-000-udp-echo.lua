-- net, "Pattern: UDP echo round-trip". Start it with the address and the port of an echo server:
--   lua5.4 spec-000-udp-echo.lua 127.0.0.1 5000
local tw = require "twinwire"
local net, runtime = tw.net, tw.runtime
local host, port = arg[1] or "127.0.0.1", tonumber(arg[2] or 5000)

local sock = net.udpOpen(0)
net.on(sock, "datagram", function(e)
  print("echo: " .. e.data)
  net.close(sock)
  runtime.exit()
end)

net.udpSendTo(sock, host, port, "hello")
runtime.keepAlive()
