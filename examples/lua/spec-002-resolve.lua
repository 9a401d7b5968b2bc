-- net, "DNS Resolution". Start it with a host name:
--   lua5.4 spec-002-resolve.lua localhost
local tw = require "twinwire"

local ip = tw.resolve(arg[1] or "localhost")
print(ip) -- "127.0.0.1"
