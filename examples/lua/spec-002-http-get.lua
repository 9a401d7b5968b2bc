-- net, "Complete Example: Simple HTTP Client": HTTP by hand over TLS. Start it with a host, a path and a port:
--   lua5.4 spec-002-http-get.lua example.com / 443
local tw = require "twinwire"
local host, path, port = arg[1] or "example.com", arg[2] or "/", tonumber(arg[3] or 443)

local function httpGet(host, path)
  local conn = tw.TlsConnection(host, port)
  local request = "GET " .. path .. " HTTP/1.1\r\n" ..
    "Host: " .. host .. "\r\n" ..
    "Connection: close\r\n\r\n"
  conn:writeAll(request)

  local body = ""
  while true do
    local chunk = conn:read(4096)
    if #chunk == 0 then break end
    body = body .. chunk
  end
  conn:close()
  return body
end

print((httpGet(host, path):gsub("\r\n", "\n")))
