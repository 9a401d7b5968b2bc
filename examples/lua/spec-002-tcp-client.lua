-- net, "TCP Client". Start it with the host and the port of a server:
--   lua5.4 spec-002-tcp-client.lua localhost 5432
local tw = require "twinwire"

local conn = tw.TcpConnection(arg[1] or "localhost", tonumber(arg[2] or 5432))
print(conn:remoteAddr()) -- "127.0.0.1:5432"

-- Send data
conn:writeAll("HELLO\n")

-- Receive data
print(conn:read(1024))

conn:close()
