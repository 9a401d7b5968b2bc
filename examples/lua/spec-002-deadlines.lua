-- net, "Timeouts & Deadlines". Start it with the host and the port of a server, and a deadline in milliseconds:
--   lua5.4 spec-002-deadlines.lua localhost 5432 5000
local tw = require "twinwire"

local conn = tw.TcpConnection(arg[1] or "localhost", tonumber(arg[2] or 5432))

-- Set a deadline for all operations
conn:setDeadline(tonumber(arg[3] or 5000))

local ok, result = pcall(conn.read, conn, 1024)
if ok then
  print(result)
elseif result:find("ERR_DEADLINE") then
  print("too late")
else
  error(result)
end

-- Or set separate read/write deadlines
conn:setReadDeadline(3000) -- 3 seconds for reads
conn:setWriteDeadline(5000) -- 5 seconds for writes
conn:writeAll("still here\n")
conn:close()
