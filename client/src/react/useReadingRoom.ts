import type { Client } from "../client.ts";
import { ReadingRoom, type ReadingRoomOptions, type ReadingRoomSnapshot } from "../readingRoom.ts";
import { useOpened } from "./useOpened.ts";

type Actions = Pick<ReadingRoom, "create" | "join" | "leave" | "end" | "remove" | "stay" | "send" | "onMessage">;

/** A room to create or join, and who is in it. */
export function useReadingRoom(client: Client, options?: ReadingRoomOptions): ReadingRoomSnapshot & Actions {
  const [snapshot, room] = useOpened<ReadingRoomSnapshot, ReadingRoom>(client, (it) => new ReadingRoom(it, options));
  const { create, join, leave, end, remove, stay, send, onMessage } = room;
  return { ...snapshot, create, join, leave, end, remove, stay, send, onMessage };
}
