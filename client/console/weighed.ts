import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** Fails a build whose files are heavier than this, in bytes, compressed. */
export function weighed(limits: { script: number; style: number }): Plugin {
  return {
    name: "weighed",
    generateBundle(_options, bundle) {
      const weight = { script: 0, style: 0 };
      for (const file of Object.values(bundle)) {
        if (file.type === "chunk") weight.script += gzipSync(file.code).length;
        else if (file.fileName.endsWith(".css")) weight.style += gzipSync(file.source).length;
      }
      for (const kind of ["script", "style"] as const) {
        const said = `${kind}: ${(weight[kind] / 1000).toFixed(1)} kB compressed of ${limits[kind] / 1000}`;
        if (weight[kind] > limits[kind]) this.error(said);
        else this.info(said);
      }
    },
  };
}
