import type { Camelized } from "./casing.ts";
import { type Client, call, type Returns } from "./client.ts";
import type { Database } from "./database.types.ts";
import { asError, errorOf, HourglassError } from "./errors.ts";

export type RoomRow = Returns<"create_reading_session">;
type Presence = Database["public"]["CompositeTypes"]["participant_presence"];

export type Room = Camelized<RoomRow>;
export type Participant = Camelized<{
  [Key in keyof Presence]: Key extends "display_name" ? Presence[Key] : NonNullable<Presence[Key]>;
}>;

export interface NewRoom {
  title?: string;
  maxParticipants?: number;
  displayName?: string;
}

/** A link's code, or the id of a room that one was in before. */
export type Key = { inviteCode: string } | { roomId: string };

/** Makes a room with oneself in it. Throws HourglassError, as all of these do. */
export function createRoom(client: Client, { title, maxParticipants, displayName }: NewRoom): Promise<RoomRow> {
  return call(client, "create_reading_session", {
    ...(title === undefined ? {} : { title }),
    ...(maxParticipants === undefined ? {} : { max_participants: maxParticipants }),
    ...(displayName === undefined ? {} : { display_name: displayName }),
  });
}

export async function joinRoom(client: Client, key: Key, displayName: string | undefined): Promise<RoomRow> {
  const joined = await call(client, "join_session", {
    ...("inviteCode" in key ? { invite_code: key.inviteCode } : { session_id: key.roomId, access_method: "direct" }),
    ...(displayName === undefined ? {} : { display_name: displayName }),
  });
  return readRoom(client, joined.session_id);
}

export async function readRoom(client: Client, id: string): Promise<RoomRow> {
  const { data, error, status } = await client.from("reading_sessions").select("*").eq("id", id).maybeSingle();
  if (error) throw errorOf(error, status);
  if (!data) throw new HourglassError("session_not_found", "There is no such room.", 404);
  return data as RoomRow;
}

/** Of a room that is over, its link knows: `invite_expired` when it expired, `session_not_found` when it was ended. */
export async function howItEnded(client: Client, inviteCode: string): Promise<"ended" | "expired"> {
  try {
    await call(client, "join_session", { invite_code: inviteCode });
  } catch (thrown) {
    if (asError(thrown).slug === "session_not_found") return "ended";
  }
  return "expired";
}
