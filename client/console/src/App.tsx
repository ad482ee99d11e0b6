import type { Session, SupabaseClient } from "@supabase/supabase-js";
import { useEffect, useMemo, useState } from "react";
import { deviceIdOf } from "../../src/device.ts";
import { thisPage } from "../../src/page.ts";
import { Frame } from "./Frame.tsx";
import { type Signed, SignedContext } from "./shell.ts";
import { SignIn } from "./views/SignIn.tsx";

/** Undefined until it is known whether somebody is signed in. */
function useAuth(client: SupabaseClient): Session | null | undefined {
  const [session, setSession] = useState<Session | null>();
  useEffect(() => {
    const { data } = client.auth.onAuthStateChange((_event, next) => setSession(next));
    return () => data.subscription.unsubscribe();
  }, [client]);
  return session;
}

export function App({ client }: { client: SupabaseClient }) {
  const session = useAuth(client);
  const user = session?.user;
  const [userId, name, isAdmin] = [user?.id, user?.email ?? user?.id ?? "", user?.app_metadata.role === "admin"];
  const signed = useMemo((): Signed | null => {
    if (userId === undefined) return null;
    const streamUrl = new URL("usage/stream", document.baseURI).href;
    return { client, userId, name, isAdmin, streamUrl, deviceId: deviceIdOf(thisPage()) };
  }, [client, userId, name, isAdmin]);
  if (session === undefined) return null;
  if (signed === null) return <SignIn client={client} />;
  return (
    <SignedContext value={signed}>
      <Frame key={signed.userId} />
    </SignedContext>
  );
}
