import { defineConfig } from "tsdown";

export default defineConfig({
  workspace: ["packages/*"],
  entry: ["src/index.ts"],
  format: "esm",
  target: "node24",
  fixedExtension: false,
  dts: true,
});
