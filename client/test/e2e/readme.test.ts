import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { personOf, reach } from "./stack.ts";

const CLIENT = fileURLToPath(new URL("../..", import.meta.url));
const END = "session.subscribe(() => session.getSnapshot().status === 'closed' && setImmediate(() => process.exit()))";
const run = promisify(execFile);

test("the example of the README, pasted, counts down, with the library as it is built", async () => {
  const folder = await mkdtemp(`${CLIENT}node_modules/.readme-`); // where imports are found
  try {
    await run(`${CLIENT}node_modules/.bin/tsc`, ["-p", `${CLIENT}tsconfig.build.json`, "--outDir", `${folder}/dist`]);
    const readme = await readFile(`${CLIENT}../README.md`, "utf8");
    const example = /```js\n(.*?hourglass-client.*?)```/s.exec(readme)?.[1] ?? "";
    const pasted = example.replace("'hourglass-client'", "'./dist/index.js'").replace("60_000", "1_500");
    await writeFile(`${folder}/example.mjs`, `${pasted}\n${END}`);
    const { token } = await personOf();
    const env = { ...process.env, API_URL: reach.url, ANON_KEY: reach.anonKey, TOKEN: token };
    const { stdout } = await run(process.execPath, [`${folder}/example.mjs`], { env });
    const lines = stdout.trim().split("\n");
    expect(lines[0]).toMatch(/^(idle|active), \d\d:\d\d:\d\d left$/);
    expect(new Set(lines.filter((line) => line.startsWith("active"))).size).toBeGreaterThan(1);
    expect(lines.at(-1)).toMatch(/^closed, \d\d:\d\d:\d\d left$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
