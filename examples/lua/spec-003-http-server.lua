-- std.net.http, the server's side: every request is answered by JSON. Start it with an address:
--   lua5.4 spec-003-http-server.lua 127.0.0.1:8080
local tw = require "twinwire"
local http = tw.http

local listener = assert(tw.TcpListener.bind(arg[1] or "127.0.0.1:8080"))
print(assert(listener:local_addr()))

tw.accept(listener, function(stream)
  while true do
    local request = http.read_request(stream)
    if not request then break end
    local answer = { method = request.method, path = request.path, query = request.query, body = request.body }
    if not http.write_response(stream, { status = 200, body = answer }) then break end
  end
  stream:close()
end)
tw.channel.recv(tw.channel.make(), 86400000)
