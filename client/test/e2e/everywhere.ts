// One stack for all test files, which run one after the other. What they tell it goes through a port of its own.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

export interface Reach {
  url: string;
  workerUrl: string;
  anonKey: string;
  serviceKey: string;
  control: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    reach: Reach;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const env = { ...process.env, PYTHONPATH: `${ROOT}:${ROOT}/scripts` };
  const program = ["-m", "local_stack.remote_control"];
  const stack = spawn(`${ROOT}/.venv/bin/python`, program, { cwd: ROOT, env, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(stack.stdout)[Symbol.asyncIterator]();
  const hear = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the stack is gone");
    return value;
  };
  const reach = JSON.parse(await hear());
  let turn: Promise<unknown> = Promise.resolve();
  const control = createServer((request, response) => {
    turn = turn.then(async () => {
      stack.stdin.write(`${await text(request)}\n`);
      response.end(await hear());
    });
  });
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
  const { port } = control.address() as AddressInfo;
  project.provide("reach", { ...reach, control: `http://127.0.0.1:${port}` });
  return async () => {
    control.close();
    const end = new Promise((resolve) => stack.once("exit", resolve));
    stack.stdin.end();
    await end;
  };
}
