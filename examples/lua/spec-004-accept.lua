-- std/net.vv, "accept": handlers that run beside the main program and send it their results through a channel. Start it with
-- a network and an address:
--   lua5.4 spec-004-accept.lua tcp 127.0.0.1:0
local net = require "twinwire"
local channel = net.channel

local listener = assert(net.listen(arg[1] or "tcp", arg[2] or "127.0.0.1:0"))
print(listener:addr())

-- Safe pattern 1: a channel.
local ch = channel.make()

-- Safe pattern 2 is a mutex. Here it takes none: one thread runs Lua at a time, until it calls something that waits.
local counter = 0

net.accept(listener, function(conn)
  counter = counter + 1
  local number = counter
  local line = (net.read(conn, 1024) or ""):match("^%s*(.-)%s*$")
  net.write(conn, ("you are number %d\n"):format(number))
  net.close(conn)
  channel.send(ch, line)
end)

-- The main program goes on while connections are accepted.
repeat
  local line = assert(channel.recv(ch, 60000))
  print("received: " .. line)
until line == "stop"
net.close(listener)
print(counter .. " connections")
