/**
 * The demo's page: it reads the notes, and watches them from the cursor that the gateway has put into the answer's
 * `Link`, so that no change in between is missed. Open it in two windows.
 */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice · notes</title>
<link rel="icon" href="data:,">
<style>
  body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 16px/1.55 system-ui, sans-serif; }
  form { display: flex; gap: .5rem; margin: 1.5rem 0; }
  input { flex: 1; min-width: 0; }
  input, button { font: inherit; padding: .45rem .8rem; border: 1px solid #8888; border-radius: .5rem; }
  form button { background: #c2410c; border-color: #c2410c; color: #fff; }
  ul { padding: 0; list-style: none; }
  li { display: flex; justify-content: space-between; gap: 1rem; padding: .5rem 0; border-bottom: 1px solid #8884; }
  li span { overflow-wrap: anywhere; }
  li button { border: 0; background: none; color: inherit; opacity: .6; }
  p { opacity: .8; }
</style>
<h1>Notes</h1>
<p>An ordinary app with the gateway in front of it. Open this page in a second window: what you change in one shows in the other, though the app knows nothing of it.</p>
<form><input name="text" aria-label="A note" placeholder="A note" autocomplete="off" required><button>Add</button></form>
<ul aria-live="polite"></ul>
<script>
  const list = document.querySelector("ul"), form = document.querySelector("form");
  function show({ id, text }) {
    if (document.getElementById("note-" + id)) return;
    const item = document.createElement("li"), words = document.createElement("span"), remove = document.createElement("button");
    item.id = "note-" + id;
    words.textContent = text;
    remove.textContent = "Remove";
    remove.onclick = () => fetch("/notes/" + id, { method: "DELETE" });
    item.append(words, remove);
    list.prepend(item);
  }
  async function read() {
    const answer = await fetch("/notes");
    list.replaceChildren();
    for (const note of (await answer.json()).notes) show(note);
    const cursor = /after=([^&>]+)/.exec(answer.headers.get("link"))[1];
    const changes = new EventSource("/realtime/events?topic=notes&topic=notes/*&after=" + cursor);
    changes.onmessage = ({ data }) => {
      const { type, data: note } = JSON.parse(data);
      if (type === "deleted") document.getElementById("note-" + note.id)?.remove();
      else show(note);
    };
    changes.addEventListener("gap", () => { changes.close(); read(); });
  }
  form.onsubmit = async (event) => {
    event.preventDefault();
    await fetch("/notes", { method: "POST", body: new URLSearchParams(new FormData(form)) });
    form.reset();
  };
  read();
</script>
`;
