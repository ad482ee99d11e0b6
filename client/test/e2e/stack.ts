// The stack that the tests share, people who use it, and patience.
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { inject } from "vitest";

const PATIENCE_MS = 30_000;

type Deed =
  | "sign"
  | "sql"
  | "plan"
  | "age user"
  | "age room"
  | "stop api"
  | "start api"
  | "stop database"
  | "start database";

export const reach = inject("reach");

/** Has the stack do something, and answers what came of it. */
export async function tell(deed: Deed, ...values: unknown[]): Promise<unknown> {
  const response = await fetch(reach.control, { method: "POST", body: JSON.stringify([deed, ...values]) });
  const { answer, error } = (await response.json()) as { answer?: unknown; error?: string };
  if (error) throw new Error(error);
  return answer;
}

export interface Person {
  id: string;
  token: string;
  client: SupabaseClient;
}

/** Somebody signed in, by third-party auth; on another device of theirs when named. */
export async function personOf(id = `user-${crypto.randomUUID()}`, claims = {}): Promise<Person> {
  const token = (await tell("sign", { sub: id, role: "authenticated", ...claims })) as string;
  return { id, token, client: createClient(reach.url, reach.anonKey, { accessToken: async () => token }) };
}

/** Somebody on a plan of so many seconds. */
export async function personWith(seconds: number): Promise<Person> {
  const person = await personOf();
  await tell("plan", `${seconds} seconds`, seconds);
  const { error } = await backEnd().rpc("set_account", { user_id: person.id, plan_id: `${seconds} seconds` });
  if (error) throw error;
  return person;
}

export function backEnd(): SupabaseClient {
  return createClient(reach.url, reach.serviceKey, { auth: { persistSession: false, autoRefreshToken: false } });
}

type Empty = false | null | undefined | 0 | "";

/** Waits until it is so; fails when that does not come. */
export async function until<Found>(what: string, isSo: () => Found | Promise<Found>): Promise<Exclude<Found, Empty>> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await isSo();
    if (found) return found as Exclude<Found, Empty>;
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
