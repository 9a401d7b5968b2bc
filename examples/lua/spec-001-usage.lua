-- ws, "Functions": open, send, state, close. Start it with the URL of an echo server:
--   lua5.4 spec-001-usage.lua ws://127.0.0.1:8080/
local tw = require "twinwire"
local ws, runtime = tw.ws, tw.runtime

local conn = ws.open(arg[1] or "ws://192.168.1.10:8080/")
ws.on(conn, "connected", function(e)
  print(ws.state(e.conn))
  ws.send(e.conn, "hello")
end)
ws.on(conn, "message", function(e)
  print(e.message)
  ws.close(conn)
end)
ws.on(conn, "disconnected", function()
  print(ws.state(conn))
  runtime.exit()
end)
runtime.keepAlive()
