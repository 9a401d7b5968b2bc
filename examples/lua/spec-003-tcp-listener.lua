-- std.net, "TcpListener": a server that greets one client after the other. Start it with an address:
--   lua5.4 spec-003-tcp-listener.lua 127.0.0.1:0
local tw = require "twinwire"

local listener = assert(tw.TcpListener.bind(arg[1] or "127.0.0.1:0"))
print(assert(listener:local_addr()))

while true do
  local stream = listener:accept()
  if not stream then break end
  local name = stream:read(64)
  stream:write(name and ("hello, %s\n"):format(name:match("^%s*(.-)%s*$")) or "hello, whoever you are\n")
  stream:close()
end
