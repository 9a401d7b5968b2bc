// What require("twinwire/ws-compat") returns: the class, as that of "ws".
module.exports = require("./ws-compat.js").WebSocket;
