import type { Question } from "./question.ts";

/** Questions by their key, those used last; some 500 bytes each. */
export class QuestionCache {
  readonly #questions = new Map<string, Question>();
  readonly #max: number;
  readonly #onEvicted: (question: Question) => void;

  constructor(max: number, onEvicted: (question: Question) => void) {
    this.#max = max;
    this.#onEvicted = onEvicted;
  }

  get size(): number {
    return this.#questions.size;
  }

  get(key: string): Question | undefined {
    const found = this.#questions.get(key);
    if (found === undefined) return undefined;
    this.#questions.delete(key);
    this.#questions.set(key, found);
    return found;
  }

  add(question: Question): void {
    this.#questions.set(question.key, question);
    if (this.#questions.size <= this.#max) return;
    const { value: oldest } = this.#questions.values().next();
    if (oldest === undefined) return;
    this.#questions.delete(oldest.key);
    this.#onEvicted(oldest);
  }

  clear(): void {
    for (const question of this.#questions.values()) this.#onEvicted(question);
    this.#questions.clear();
  }

  values(): Iterable<Question> {
    return this.#questions.values();
  }
}
