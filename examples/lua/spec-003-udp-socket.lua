-- std.net, "UdpSocket": queries a server on this machine and prints its answer. Start it with its address:
--   lua5.4 spec-003-udp-socket.lua 127.0.0.1:5353
local tw = require "twinwire"
local addr = arg[1] or "127.0.0.1:5353"

local socket = assert(tw.UdpSocket.bind("127.0.0.1:0"))
print("bound to " .. assert(socket:local_addr()))

local sent, error = socket:send_to(string.char(112, 105, 110, 103), addr)
if not sent then print(error) end

local data, from = socket:recv_from(1500)
print(table.concat({ data:byte(1, -1) }, ",") .. " from " .. from)
socket:close()
