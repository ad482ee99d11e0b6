// A stack of its own for a test file, people who use it, and patience.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PATIENCE_MS = 30_000;

type Deed = "sign" | "sql" | "plan" | "stop api" | "start api" | "stop database" | "start database";

export interface Stack {
  url: string;
  anonKey: string;
  serviceKey: string;
  /** Has the stack do something, and answers what came of it. */
  tell(deed: Deed, ...values: unknown[]): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startStack(...options: "worker"[]): Promise<Stack> {
  const env = { ...process.env, PYTHONPATH: `${ROOT}:${ROOT}/scripts` };
  const program = [fileURLToPath(new URL("stack.py", import.meta.url)), ...options];
  const child = spawn(`${ROOT}/.venv/bin/python`, program, { cwd: ROOT, env, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const hear = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the stack is gone");
    return JSON.parse(value);
  };
  let turn = Promise.resolve();
  const tell = (...words: unknown[]): Promise<unknown> => {
    const answer = turn.then(async () => {
      child.stdin.write(`${JSON.stringify(words)}\n`);
      return (await hear()).answer;
    });
    turn = answer.then(() => {});
    return answer;
  };
  const stop = () =>
    new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.stdin.end();
    });
  return { ...(await hear()), tell, stop };
}

export interface Person {
  id: string;
  client: SupabaseClient;
}

/** Somebody signed in, by third-party auth; on another device of theirs when named. */
export async function personOf(stack: Stack, id = `user-${crypto.randomUUID()}`, claims = {}): Promise<Person> {
  const token = (await stack.tell("sign", { sub: id, role: "authenticated", ...claims })) as string;
  return { id, client: createClient(stack.url, stack.anonKey, { accessToken: async () => token }) };
}

export function backEndOf(stack: Stack): SupabaseClient {
  return createClient(stack.url, stack.serviceKey, { auth: { persistSession: false, autoRefreshToken: false } });
}

/** Waits until it is so; fails when that does not come. */
export async function until<Found>(what: string, isSo: () => Found | Promise<Found>): Promise<NonNullable<Found>> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await isSo();
    if (found) return found;
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
