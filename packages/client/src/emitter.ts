import type { SluiceListeners } from "./sluice.ts";

type Any = (value: never) => unknown;

type Name = keyof SluiceListeners<unknown>;

/** The listeners of one client. */
export interface Emitter {
  /** The answer takes it away. */
  on(name: Name, listener: Any): () => void;
  has(name: Name): boolean;
  /**
   * Calls all. A promise if one of them answered with one, kept when all are. A listener that fails is reported as if
   * nobody had called it, and disturbs neither the others nor the client.
   */
  emit<One extends Name>(name: One, value: Parameters<SluiceListeners<unknown>[One]>[0]): Promise<unknown> | undefined;
}

/** One without listeners. */
export function newEmitter(): Emitter {
  const listeners = new Set<readonly [Name, Any]>();
  return {
    on(name, listener) {
      const entry = [name, listener] as const;
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    has: (name) => [...listeners].some(([heard]) => heard === name),
    emit(name, value) {
      const handled: Promise<unknown>[] = [];
      for (const [heard, listener] of listeners) {
        if (heard !== name) continue;
        try {
          const answer = listener(value as never);
          if (answer instanceof Promise) handled.push(answer.catch(report));
        } catch (error) {
          report(error);
        }
      }
      return handled.length > 0 ? Promise.all(handled) : undefined;
    },
  };
}

function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
