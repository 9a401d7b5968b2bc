-- std.net, "TcpStream": no call raises an error. Start it with the address of an echo server:
--   lua5.4 spec-003-tcp-stream.lua 127.0.0.1:7
local tw = require "twinwire"

local stream, error = tw.TcpStream.connect(arg[1] or "127.0.0.1:7")
if not stream then
  print("error: " .. error)
else
  print(stream:local_addr(), stream:peer_addr())

  local written = stream:write(string.char(104, 101, 108, 108, 111))
  if written then print(("wrote %d bytes"):format(written)) end

  local got = stream:read(1024)
  if got then print(got:byte(1, -1)) end

  -- No more data has arrived, and a read in non-blocking mode does not wait.
  stream:set_nonblocking(true)
  print(stream:read(1024))
  stream:close()
  print(stream:peer_addr() ~= nil)
end
