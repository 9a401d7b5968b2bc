-- net, "TLS Client". Start it with the host and the port of an HTTPS server:
--   lua5.4 spec-002-tls-client.lua example.com 443
local tw = require "twinwire"
local host = arg[1] or "example.com"

local conn = tw.TlsConnection(host, tonumber(arg[2] or 443))
print(conn:isTLS()) -- true

conn:writeAll("GET / HTTP/1.1\r\nHost: " .. host .. "\r\n\r\n")
print((conn:read(4096):gsub("\r\n", "\n")))
conn:close()
