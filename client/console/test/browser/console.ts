// The console as the worker serves it, in a real browser, with people who sign in.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { createClient } from "@supabase/supabase-js";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { reach, tell, until } from "../../../test/e2e/stack.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const PASSWORD = "correct horse";
const SERVER = `
import pathlib, sys, uvicorn
from starlette.applications import Starlette
from worker import console
page = Starlette(routes=console.routes_of(sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])))
uvicorn.run(page, port=int(sys.argv[1]), log_level="warning")
`;

export interface Console {
  address: string;
  browser: Browser;
  close(): Promise<void>;
}

/** Builds the page and serves it with its real headers. */
export async function openConsole(): Promise<Console> {
  const folder = await mkdtemp(`${tmpdir()}/console-`);
  const configFile = fileURLToPath(new URL("../../vite.config.ts", import.meta.url));
  await build({ configFile, logLevel: "error", build: { outDir: folder } });
  const port = await freePort();
  const program = ["-c", SERVER, String(port), reach.url, reach.anonKey, folder];
  const server = spawn(`${ROOT}/.venv/bin/python`, program, { cwd: ROOT, stdio: "inherit" });
  const address = `http://127.0.0.1:${port}/`;
  const isUp = async () => (await fetch(address)).ok;
  await until("the console is served", () => isUp().catch(() => false));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  return {
    address,
    browser,
    async close() {
      await browser.close();
      const end = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await end;
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Account {
  email: string;
  password: string;
  id: string;
}

/** Somebody who can sign in, as an administrator if wanted. */
export async function accountOf({ isAdmin = false } = {}): Promise<Account> {
  const email = `${crypto.randomUUID()}@example.com`;
  const client = createClient(reach.url, reach.anonKey, { auth: { persistSession: false, autoRefreshToken: false } });
  const { data, error } = await client.auth.signUp({ email, password: PASSWORD });
  if (error) throw error;
  const id = data.user?.id ?? "";
  const claims = `raw_app_meta_data || '{"role": "admin"}'`;
  if (isAdmin) await tell("sql", `update auth.users set raw_app_meta_data = ${claims} where id = %s`, id);
  return { email, password: PASSWORD, id };
}

/** The people and the past of the demo, among them ada@example.com and admin@example.com. */
export async function makeWorld(): Promise<void> {
  await tell("sql", await readFile(`${ROOT}/scripts/demo/world.sql`, "utf8"));
}

export const ADA = { email: "ada@example.com", password: "hourglass" };
export const ADMIN = { email: "admin@example.com", password: "hourglass" };

/** A page of a browser of its own, with what went wrong on it. */
export interface Visit {
  page: Page;
  faults: string[];
}

export async function visit(
  { address, browser }: Console,
  place = "",
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (line) => {
    if (line.type() === "error") faults.push(line.text());
  });
  await page.goto(`${address}${place}`);
  return { page, faults };
}

export async function signIn(page: Page, { email, password }: { email: string; password: string }): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}
