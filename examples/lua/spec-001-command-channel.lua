-- ws, "Pattern: Command Channel". Start it with a URL:
--   lua5.4 spec-001-command-channel.lua ws://127.0.0.1:9000/control
local tw = require "twinwire"
local json = require "json"
local ws, runtime = tw.ws, tw.runtime

local conn = ws.open(arg[1] or "ws://server:9000/control")
ws.on(conn, "connected", function()
  -- send command once connected — response arrives as event
  ws.send(conn, json.encode { cmd = "start", id = 42 })
end)
ws.on(conn, "message", function(e)
  local resp = json.decode(e.message)
  print(resp["status"])
end)
runtime.keepAlive()
