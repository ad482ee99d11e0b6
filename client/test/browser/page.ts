// What a test's page has at hand; the tests make and ask it from outside.
import { createClient } from "@supabase/supabase-js";
import { type Client, creditBalance, ReadingRoom, SessionTracker, UsageFeed, UsageSession } from "../../src/index.ts";
import { makeRender } from "./components.ts";

const makers = {
  session: (client: Client, options: object) => new UsageSession(client, options).open(),
  tracker: (client: Client, options: object) => new SessionTracker(client, options).open(),
  balance: (client: Client, options: object) => new UsageFeed(client, creditBalance, undefined, options).open(),
  room: (client: Client, options: object) => new ReadingRoom(client, options),
};

type Made = ReturnType<(typeof makers)[keyof typeof makers]>;

let render: ReturnType<typeof makeRender> | undefined;

declare global {
  interface Window {
    it: Made & Record<string, (...values: unknown[]) => unknown>;
    shown: string[];
    make(kind: keyof typeof makers, url: string, key: string, token: string, options: object): void;
    show(url: string, key: string, token: string, values: { threadId: string; section: string } | null): void;
  }
}

window.make = (kind, url, key, token, options) => {
  const client = createClient(url, key, { accessToken: async () => token });
  const made = makers[kind](client, options);
  window.it = made as Window["it"];
  window.shown = [];
  made.subscribe(() => window.shown.push(JSON.stringify({ ...made.getSnapshot(), at: Date.now() })));
};

let shared: Client | undefined;

window.show = (url, key, token, values) => {
  shared ??= createClient(url, key, { accessToken: async () => token });
  render ??= makeRender();
  render(values && { ...values, client: shared });
};
