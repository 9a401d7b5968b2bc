-- ws, "Pattern: Event-driven Data Stream". Start it with a URL:
--   lua5.4 spec-001-data-stream.lua ws://127.0.0.1:8080/sensors
local tw = require "twinwire"
local json = require "json"
local ws, runtime = tw.ws, tw.runtime

local conn = ws.open(arg[1] or "ws://192.168.1.10:8080/sensors")
ws.on(conn, "connected", function()
  print("streaming")
end)
ws.on(conn, "message", function(e)
  local data = json.decode(e.message)
  print(data["value"])
end)
runtime.keepAlive()
