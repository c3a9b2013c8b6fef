// Socket.IO: a room per topic. Nothing is kept for those who come back, as is its default.
import { Server } from "socket.io";
import { publicationServer } from "./publications.ts";

const server = publicationServer((topic, body) => {
  io.to(topic).emit("event", JSON.parse(body));
});

const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });
io.on("connection", (socket) => {
  socket.on("join", (topic: string, acknowledge: () => void) => {
    void socket.join(topic);
    acknowledge();
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
