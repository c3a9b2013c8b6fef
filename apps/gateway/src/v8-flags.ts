import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's young generation at the size that it has when the gateway has started (8 MiB a half).
 *
 * V8 lets it grow to 128 MiB while thousands of clients connect, never gives that back, and lets what they leave behind
 * lie in it: 10 000 idle readers then cost 15.7 KiB of RSS each on WebSocket and 14.7 on SSE, against 8.4 and 6 with the
 * bound. `--max-semi-space-size` says the same, but only on the command line; the growth factor is looked at after each
 * scavenge, so it can be set by a program that is running. Delivering is not slower for it: what a delivery allocates
 * is dead by the next scavenge.
 */
export function boundYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Keeps V8 from compiling a wrapper of its own for each function that WebAssembly calls often: it goes on with the one
 * for all of them. To be called before threads are started.
 *
 * A process with several threads that use WebAssembly (undici's HTTP parser in that which sends to hooks; Node's own
 * stripping of types, where the sources are run) can be ended by V8 when such wrappers are freed: "Check failed:
 * jit_page.has_value()", or a SIGSEGV. Seen with Node 24.21 on two overloaded cores; reported as
 * https://github.com/nodejs/node/issues/64500.
 */
export function keepGenericWasmWrappers(): void {
  setFlagsFromString("--wasm-wrapper-tiering-budget=1000000000");
}
