-- ws, "Lifecycle Events". Start it with a URL:
--   lua5.4 spec-001-lifecycle-events.lua ws://127.0.0.1:8080/stream
local tw = require "twinwire"
local ws, runtime = tw.ws, tw.runtime

local conn = ws.open(arg[1] or "ws://192.168.1.10:8080/stream")
ws.on(conn, "connected", function()
  print("connected")
end)
ws.on(conn, "disconnected", function() end)
ws.on(conn, "message", function(e)
  print(e.message)
end)
runtime.keepAlive()
