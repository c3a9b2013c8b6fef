import type { Socket } from "node:net";

type Subscribe = (topic: string, send: (events: readonly string[]) => void) => void;

/** What a server says to the next thing that matches. */
const ANSWERS: readonly (readonly [asked: RegExp, answer: string])[] = [
  [/<stream:stream [^>]*>/, "<stream:stream><stream:features><mechanisms/></stream:features>"],
  [/<auth [^>]*\/>/, '<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>'],
  [/<stream:stream [^>]*>/, "<stream:stream><stream:features><bind/></stream:features>"],
  [/<bind [^>]*\/>/, '<iq type="result" id="b"><bind><jid>nobody@scripted/1</jid></bind></iq>'],
  [/<enable [^>]*\/>/, '<enabled xmlns="urn:xmpp:sm:3" id="none" resume="true"/>'],
  [/<subscribe node="[^"]*"[^>]*\/>/, '<iq type="result" id="s"><subscription subscription="subscribed"/></iq>'],
];

/** The server's side of the least that a client of the benchmark needs; it takes what comes for granted. */
export function speakXmpp(socket: Socket, subscribe: Subscribe): void {
  let [step, heard] = [0, ""];
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    heard += chunk;
    for (let next = ANSWERS[step]; next !== undefined; next = ANSWERS[step]) {
      const [found] = next[0].exec(heard) ?? [];
      if (found === undefined) return;
      heard = heard.slice(heard.indexOf(found) + found.length);
      step += 1;
      socket.write(next[1]);
      if (step === ANSWERS.length) {
        subscribe(/node="([^"]*)"/.exec(found)?.[1] ?? "", (events) => {
          for (const data of events) socket.write(`<message><event><json>${data}</json></event></message>`);
        });
      }
    }
  });
}
