-- ws, "Pattern: Resilient WebSocket Stream". Start it with a URL:
--   lua5.4 spec-001-resilient-stream.lua ws://127.0.0.1:8080/sensors
local tw = require "twinwire"
local json = require "json"
local ws, runtime = tw.ws, tw.runtime

local conn = ws.open(arg[1] or "ws://192.168.1.10:8080/sensors")
ws.setAutoReconnect(conn, true)
ws.setReconnectDelays(conn, { 1, 2, 5, 10, 30 })
ws.on(conn, "connected", function()
  print("connected")
end)
ws.on(conn, "disconnected", function()
  print("disconnected — will reconnect")
end)
ws.on(conn, "message", function(e)
  local data = json.decode(e.message)
  print(data["value"])
end)
runtime.keepAlive()
