// Faye: the Bayeux protocol, channels for topics.
import faye from "faye";
import { publicationServer } from "./publications.ts";

/** Seconds that a /meta/connect may wait: longer than any run, since the clients here send one only. */
const TIMEOUT = 600;

const bayeux = new faye.NodeAdapter({ mount: "/faye", timeout: TIMEOUT });
const server = publicationServer((topic, body) => bayeux.getClient().publish(`/${topic}`, JSON.parse(body)));
bayeux.attach(server);
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
