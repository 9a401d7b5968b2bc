-- std.net.http, "Http client": JSON out, JSON in. Start it with a URL:
--   lua5.4 spec-003-http-client.lua http://127.0.0.1:8080/items
local tw = require "twinwire"
local json = require "json"

local response, error = tw.http.request {
  method = "POST",
  url = arg[1] or "http://127.0.0.1:8080/items",
  headers = { ["X-Request-Id"] = "42" },
  body = { name = "lamp", tags = { "new" } },
}

if response then
  print(response.status .. " " .. response.headers["content-type"])
  print(json.encode(response.body))
else
  print("error: " .. error)
end
