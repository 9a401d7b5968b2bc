-- ws, "Auto-Reconnect". Start it with a URL:
--   lua5.4 spec-001-auto-reconnect.lua ws://127.0.0.1:8080/stream
local tw = require "twinwire"
local ws, runtime = tw.ws, tw.runtime

local conn = ws.open(arg[1] or "ws://192.168.1.10:8080/stream")
ws.setAutoReconnect(conn, true)
ws.setReconnectDelays(conn, { 1, 2, 5, 10, 30 })
runtime.keepAlive()
