-- net, "STARTTLS Upgrade", with SMTP's handshake (RFC 3207). Start it with the host and the port of a mail server:
--   lua5.4 spec-002-starttls.lua mail.example.com 25
local tw = require "twinwire"
local host = arg[1] or "mail.example.com"

local conn = tw.TcpConnection(host, tonumber(arg[2] or 25))

-- Reads an answer up to its last line: "250-SIZE" goes on, "250 HELP" does not.
local function answer()
  local text = ""
  repeat
    text = text .. conn:readExact(1)
  until text:match("^%d%d%d [^\n]*\r\n$") or text:match("\n%d%d%d [^\n]*\r\n$")
  return (text:gsub("\r", ""):gsub("\n$", ""))
end

-- ... initial handshake ...
print(answer())
conn:writeAll("EHLO client.example\r\n")
print(answer())
conn:writeAll("STARTTLS\r\n")
print(answer())
print(conn:isTLS()) -- false

conn:upgradeToTLS(host)
print(conn:isTLS()) -- true

-- ... now all traffic is encrypted ...
conn:writeAll("QUIT\r\n")
print(answer())
conn:close()
