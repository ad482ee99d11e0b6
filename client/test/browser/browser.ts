// Real Chromium with pages that have the library at hand.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { build, type Rolldown } from "vite";
import { type Person, reach, until } from "../e2e/stack.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
// Containers have neither the namespaces of its sandbox nor much shared memory; what it opens here is ours alone.
const FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"];
const ENTRY = fileURLToPath(new URL("page.ts", import.meta.url));

export type Kind = "session" | "tracker" | "balance" | "room";
// biome-ignore lint/suspicious/noExplicitAny: a snapshot of any of the kinds, as JSON
export type Shown = any;

export interface Chromium {
  /** A browser of its own, as somebody's device. */
  device(): Promise<BrowserContext>;
  /** A page of a device; `make` it to have something in it. With a clock, its time can be moved. */
  tab(device: BrowserContext, has?: "clock"): Promise<Page>;
  /** Stops all of its processes, as when a laptop's lid is shut, until they are thawed. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

export async function startChromium(): Promise<Chromium> {
  const program = await chromium.launchServer({ executablePath: CHROMIUM, args: FLAGS });
  const [browser, server] = await Promise.all([chromium.connect(program.wsEndpoint()), serve(await bundle())]);
  const { port } = server.address() as AddressInfo;
  const signal = (name: NodeJS.Signals) => process.kill(-(program.process().pid ?? Number.NaN), name);
  return {
    device: () => browser.newContext(),
    async tab(device, has) {
      const page = await device.newPage();
      if (has) await page.clock.install();
      await page.goto(`http://127.0.0.1:${port}/`);
      return page;
    },
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    async close() {
      await program.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function make(page: Page, kind: Kind, { token }: Person, options: object = {}): Promise<void> {
  await page.evaluate(([kind, url, key, token, options]) => window.make(kind, url, key, token, options), [
    kind,
    reach.url,
    reach.anonKey,
    token,
    options,
  ] as const);
}

export async function shown(page: Page): Promise<Shown> {
  return JSON.parse(await page.evaluate(() => JSON.stringify(window.it.getSnapshot())));
}

/** Waits until the page shows it. */
export async function shows(page: Page, what: string, isSo: (snapshot: Shown) => unknown): Promise<Shown> {
  return until(what, async () => {
    const snapshot = await shown(page);
    return isSo(snapshot) && snapshot;
  });
}

/** Calls a method of what the page has. */
export function act(page: Page, method: string, ...values: unknown[]): Promise<unknown> {
  return page.evaluate(([method, values]) => window.it[method]?.(...values), [method, values] as const);
}

async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"development"' },
    build: { write: false, minify: false, lib: { entry: ENTRY, formats: ["es"] } },
  });
  const [{ output }] = built as [Rolldown.RolldownOutput];
  return output[0].code;
}

function serve(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><title>Test</title><script src="/page.js" type="module"></script>',
    );
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
