import type { SupabaseClient } from "@supabase/supabase-js";
import type { Database } from "./database.types.ts";
import { errorOf, unreachable } from "./errors.ts";
import type { Page } from "./page.ts";

// An app has types of its own for its own tables, so its client is taken whatever they are.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Client = Pick<SupabaseClient<any, any, any>, "rpc" | "from" | "realtime" | "channel" | "removeChannel">;

type Functions = Database["public"]["Functions"];
export type FunctionName = keyof Functions & string;
export type Arguments<Name extends FunctionName> = Functions[Name]["Args"];
export type Returns<Name extends FunctionName> = Functions[Name]["Returns"];

const PATIENCE_MS = 15_000;

/** Calls a function of the API. Throws HourglassError, `unreachable` also when no answer comes in 15 s. */
export async function call<Name extends FunctionName>(
  client: Client,
  name: Name,
  values: Arguments<Name>,
): Promise<Returns<Name>> {
  const answer = await client.rpc(name, values as object).abortSignal(AbortSignal.timeout(PATIENCE_MS));
  if (answer.error) throw errorOf(answer.error, answer.status);
  return answer.data as Returns<Name>;
}

/** The `sub` of whoever is signed in; null when nobody is. Throws HourglassError when the token cannot be had. */
export async function whoIsSignedIn(client: Client): Promise<string | null> {
  let token: string | null | undefined;
  try {
    token = await client.realtime.accessToken?.();
  } catch {
    throw unreachable();
  }
  return token ? subjectOf(token) : null;
}

function subjectOf(token: string): string | null {
  try {
    const claims = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(claims), (character) => character.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" && sub !== "" ? sub : null;
  } catch {
    return null; // a key that is no JWT: nobody
  }
}

/** Ends a session by its token, also when the page goes away. A beacon can send no headers: the key is in the address. */
export function endByToken(client: Client, page: Page, token: string): void {
  const project = client.realtime.httpEndpoint.replace(/\/realtime\/v1.*$/, "");
  const key = encodeURIComponent(client.realtime.apiKey ?? "");
  const address = `${project}/rest/v1/rpc/end_session_with_token?apikey=${key}`;
  if (page.beacon(address, { end_token: token })) return;
  call(client, "end_session_with_token", { end_token: token }).catch(() => {}); // then time ends it
}
