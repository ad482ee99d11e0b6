import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { weighed } from "./weighed.ts";

const WHERE_THE_WORKER_LOOKS = fileURLToPath(new URL("../../worker/console", import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  build: {
    outDir: WHERE_THE_WORKER_LOOKS,
    emptyOutDir: true,
    assetsInlineLimit: 0, // the page's policy admits files of the worker, not data in addresses
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 1_000, // what counts is weighed below, compressed
  },
  plugins: [weighed({ script: 250_000, style: 20_000 })],
});
