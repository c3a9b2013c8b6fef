import { type Deed, Guide, STEPS } from "../model/guide.ts";
import { find, make, say } from "./dom.ts";

const END =
  "That is all. Whatever you did, Lost and Doubled should be at 0 in every lane; if not, it is a bug. Play on.";

/** Keeps the place for a text, so that nothing moves when it comes. */
function roomFor(text: string): HTMLElement {
  const room = make("p", "room", text);
  room.ariaHidden = "true";
  return room;
}

/** Shows what to do next, and marks in orange with what. */
export class GuideView {
  readonly #guide = new Guide();
  readonly #dots: readonly HTMLLIElement[];
  readonly #button = find<HTMLButtonElement>(document, "#guide-skip");

  constructor() {
    this.#dots = STEPS.map(({ title }) => make("li", "", title));
    find(document, "#guide-steps").append(...this.#dots);
    find(document, "#guide-texts").append(...[END, ...STEPS.map(({ text }) => text)].map(roomFor));
    this.#button.addEventListener("click", () => {
      if (this.#guide.step === null) this.#guide.restart();
      else this.#guide.did("skip");
      this.#show();
    });
    this.#show();
  }

  /** Somebody has done something. */
  did(deed: Deed): void {
    if (this.#guide.did(deed)) this.#show();
  }

  #show(): void {
    const { step, done } = this.#guide;
    for (const [index, dot] of this.#dots.entries()) {
      dot.className = index < done ? "done" : index === done ? "now" : "";
    }
    say(find(document, "#guide-text"), step?.text ?? END);
    say(this.#button, step === null ? "Once more" : "Skip");
    for (const element of document.querySelectorAll<HTMLElement>("[data-step]")) {
      element.classList.toggle("next", step !== null && element.dataset["step"] === step.target);
    }
  }
}
