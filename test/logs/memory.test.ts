import { MemoryLog } from "@sluice/core";
import { describeLog } from "./describe-log.ts";

describeLog({
  name: "memory log",
  isDurable: false,
  modelRuns: 300,
  open: (options) => {
    let log = new MemoryLog(options);
    return Promise.resolve({
      get log() {
        return log;
      },
      restart: async () => {
        await log.close();
        log = new MemoryLog(options);
        return log;
      },
      dispose: () => log.close(),
    });
  },
});
