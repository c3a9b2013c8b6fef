/** Other servers that can be measured beside ours. */
export const PEER_NAMES: readonly string[] = ["nchan", "pushpin", "socket.io", "ws", "faye"];
