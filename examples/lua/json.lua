-- json: as much of RFC 8259 as the samples need: json.encode(value), json.decode(text).
local json = {}

--- What null is, since nil can't be in a table.
json.null = setmetatable({}, { __tostring = function() return "null" end })

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return escapes[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end

--- Tables with elements from 1 on are arrays; all others are objects, with their names in order.
function json.encode(value)
  local kind = type(value)
  if kind == "string" then return quote(value) end
  if kind == "number" then return math.type(value) == "integer" and tostring(value) or ("%.17g"):format(value) end
  if value == json.null then return "null" end
  if kind ~= "table" then return kind == "boolean" and tostring(value) or "null" end
  local parts = {}
  if #value > 0 then
    for i, it in ipairs(value) do parts[i] = json.encode(it) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = quote(name) .. ":" .. json.encode(value[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

local unescapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function fail(at) error("no JSON at byte " .. at, 0) end

local function read_string(text, at)
  local parts = {}
  while true do
    local plain, stop, after = text:match('^([^"\\%c]*)(["\\])()', at)
    if not plain then fail(at) end
    parts[#parts + 1] = plain
    if stop == '"' then return table.concat(parts), after end
    local hex = text:match("^u(%x%x%x%x)", after)
    local low = hex and hex:match("^[dD][89abAB]") and text:match("^\\u([dD][c-fC-F]%x%x)", after + 5)
    if low then
      parts[#parts + 1] = utf8.char(0x10000 + (tonumber(hex, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00)
      at = after + 11
    elseif hex then
      parts[#parts + 1] = utf8.char(tonumber(hex, 16))
      at = after + 5
    else
      parts[#parts + 1] = unescapes[text:sub(after, after)] or fail(after)
      at = after + 1
    end
  end
end

local read

local function read_list(text, at, close, item)
  local first = text:match("^%s*()", at)
  if text:sub(first, first) == close then return first + 1 end
  while true do
    at = item(at)
    local mark, after = text:match("^%s*([,%" .. close .. "])()", at)
    if not mark then fail(at) end
    if mark == close then return after end
    at = after
  end
end

function read(text, at)
  at = text:match("^%s*()", at)
  local c = text:sub(at, at)
  if c == '"' then return read_string(text, at + 1) end
  if c == "{" then
    local object = {}
    return object, read_list(text, at + 1, "}", function(from)
      local start = text:match('^%s*"()', from)
      if not start then fail(from) end
      local name, after = read_string(text, start)
      local colon = text:match("^%s*:()", after)
      if not colon then fail(after) end
      object[name], after = read(text, colon)
      return after
    end)
  end
  if c == "[" then
    local array = {}
    return array, read_list(text, at + 1, "]", function(from)
      local value, after = read(text, from)
      array[#array + 1] = value
      return after
    end)
  end
  local word, after = text:match("^(%a+)()", at)
  if word == "true" or word == "false" then return word == "true", after end
  if word == "null" then return json.null, after end
  local number, behind = text:match("^(-?%d+%.?%d*[eE]?[+-]?%d*)()", at)
  if not tonumber(number or "") then fail(at) end
  return math.tointeger(tonumber(number)) or tonumber(number), behind
end

--- Returns the value; null is json.null. Raises an error for what is no JSON.
function json.decode(text)
  local value, after = read(text, 1)
  if text:find("%S", after) then fail(after) end
  return value
end

return json
