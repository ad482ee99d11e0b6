import type { SupabaseClient } from "@supabase/supabase-js";
import { createContext, useContext } from "react";
import type { useReadingRoom, useUsageSession } from "../../src/react/index.ts";

/** Who is signed in, and with what. */
export interface Signed {
  client: SupabaseClient;
  userId: string;
  name: string;
  isAdmin: boolean;
  streamUrl: string;
  deviceId: string;
}

export type Session = ReturnType<typeof useUsageSession>;
export type Room = ReturnType<typeof useReadingRoom>;

function required<Value>() {
  const context = createContext<Value | null>(null);
  const use = (): Value => {
    const value = useContext(context);
    if (value === null) throw new Error("outside of its provider");
    return value;
  };
  return [context, use] as const;
}

// Each of its own: the session tells something every second, and only what shows it is drawn anew.
export const [SignedContext, useSigned] = required<Signed>();
export const [SessionContext, useMeteredSession] = required<Session>();
export const [RoomContext, useRoom] = required<Room>();
