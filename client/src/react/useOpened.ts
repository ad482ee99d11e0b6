import { useEffect, useMemo, useSyncExternalStore } from "react";
import type { Client } from "../client.ts";
import type { Store } from "../store.ts";

interface Opened<Snapshot extends object> extends Store<Snapshot> {
  open?(): unknown;
  dispose(): void;
}

/** Something that is made for a client, open while it is mounted, and what it shows. */
export function useOpened<Snapshot extends object, Made extends Opened<Snapshot>>(
  client: Client,
  make: (client: Client) => Made & Opened<Snapshot>,
): [Snapshot, Made] {
  // biome-ignore lint/correctness/useExhaustiveDependencies: options count when it is made, for one client
  const made = useMemo(() => make(client), [client]);
  useEffect(() => {
    made.open?.();
    return () => made.dispose();
  }, [made]);
  return [useSyncExternalStore(made.subscribe, made.getSnapshot, made.getSnapshot), made];
}
