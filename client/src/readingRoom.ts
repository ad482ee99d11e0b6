import { Alarm } from "./alarm.ts";
import { Backoff } from "./backoff.ts";
import { camelize } from "./casing.ts";
import { type Client, call, whoIsSignedIn } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { asError, HourglassError } from "./errors.ts";
import { liveChannel, type Told } from "./liveChannel.ts";
import { type Page, thisPage } from "./page.ts";
import {
  createRoom,
  howItEnded,
  joinRoom,
  type Key,
  type NewRoom,
  type Participant,
  type Room,
  type RoomRow,
  readRoom,
} from "./roomDoor.ts";
import { Store } from "./store.ts";

/** `left` is by oneself, here or elsewhere; the last three are for good. */
export type RoomStatus = "outside" | "joining" | "in" | "left" | "removed" | "expired" | "ended";

export interface ReadingRoomSnapshot {
  status: RoomStatus;
  room: Room | null;
  userId: string | null;
  isHost: boolean;
  participants: Participant[];
  /** Warned that the room expires when nobody is active; any sign of life calls it off. */
  isExpiring: boolean;
  expiresAt: string | null;
  minutesLeft: number | null;
  isConnected: boolean;
  error: HourglassError | null;
}

export interface ReadingRoomOptions {
  clock?: Clock;
  page?: Page;
}

const PRESENCE_MS = 30_000; // hidden pages manage one a minute; who is seen within 75 s is online
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 15_000;
const GATHERING_MS = 100;

const outside: ReadingRoomSnapshot = {
  status: "outside",
  room: null,
  userId: null,
  isHost: false,
  participants: [],
  isExpiring: false,
  expiresAt: null,
  minutesLeft: null,
  isConnected: false,
  error: null,
};

/** A room that people share by a link, from inside. No method rejects: see `error`, as in `invite_expired`. */
export class ReadingRoom extends Store<ReadingRoomSnapshot> {
  private readonly clock: Clock;
  private readonly page: Page;
  private readonly presence: Alarm;
  private readonly look: Alarm;
  private readonly backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  private readonly readers = new Set<(told: Told) => void>();
  private undo: (() => void)[] = [];
  private leaveTopic: (() => void) | null = null;
  private topic: string | null = null;
  private acting: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: Client,
    options: ReadingRoomOptions = {},
  ) {
    super(outside);
    this.clock = options.clock ?? systemClock;
    this.page = options.page ?? thisPage();
    this.presence = new Alarm(this.clock, () => void this.stay());
    this.look = new Alarm(this.clock, () => void this.reconcile());
  }

  /** Makes a room, with oneself as its host. */
  readonly create = (room: NewRoom = {}): Promise<void> => this.enter(() => createRoom(this.client, room));

  /** Joins by the code of a link, or again by the id of a room that one was in before. */
  readonly join = (key: Key, displayName?: string): Promise<void> =>
    this.enter(() => joinRoom(this.client, key, displayName));

  readonly leave = (): Promise<void> =>
    this.act(async (id) => {
      await call(this.client, "leave_session", { session_id: id });
      this.over("left");
    });

  /** Ends the room for everybody. */
  readonly end = (): Promise<void> =>
    this.act(async (id) => {
      await call(this.client, "end_reading_session", { session_id: id });
      this.over("ended");
    });

  /** Shuts somebody out: they hear nothing more and cannot come back. */
  readonly remove = async (userId: string): Promise<void> => {
    await this.act((id) => call(this.client, "remove_participant", { session_id: id, participant_user_id: userId }));
    await this.reconcile();
  };

  /** A sign of life, which is also given every 30 s; and a look at who is in. */
  readonly stay = (): Promise<void> =>
    this.act(async (id) => {
      this.presence.set(PRESENCE_MS);
      await call(this.client, "touch_presence", { session_id: id });
      this.backoff.reset();
      this.set({ error: null, isExpiring: false, expiresAt: null, minutesLeft: null });
      await this.list(id);
    });

  /** Says something to all who are in; false when that is not possible now. */
  readonly send = async (event: string, payload: object = {}): Promise<boolean> =>
    this.topic !== null && liveChannel(this.client, this.topic, this.clock, this.page).send(event, payload);

  /** Hears what others say, until the answer is called. */
  readonly onMessage = (reader: (told: Told) => void): (() => void) => {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  };

  /** Stops following; the others see one go offline. */
  dispose(): void {
    this.close();
    this.set(outside);
  }

  private async enter(door: () => Promise<RoomRow>): Promise<void> {
    this.close();
    this.set({ ...outside, status: "joining" });
    try {
      const userId = await whoIsSignedIn(this.client);
      if (userId === null) throw new HourglassError("not_signed_in", "Nobody is signed in.", 401);
      const row = await door();
      if (this.snapshot.status !== "joining") return; // disposed meanwhile
      this.set({ status: "in", userId });
      this.know(row);
      this.follow(userId);
      await this.act((id) => this.list(id));
    } catch (thrown) {
      const error = asError(thrown);
      if (this.snapshot.status === "in") await this.failed(error);
      else this.set({ status: error.slug === "invite_expired" ? "expired" : "outside", error });
    }
  }

  /** One at a time: a look that is under way while one leaves would be refused. */
  private act(deed: (id: string) => Promise<unknown>): Promise<void> {
    this.acting = this.acting.then(async () => {
      const { room, status } = this.snapshot;
      if (!room || status !== "in") return;
      try {
        await deed(room.id);
      } catch (thrown) {
        await this.failed(asError(thrown));
      }
    });
    return this.acting;
  }

  private know(row: RoomRow): void {
    this.set({ room: camelize(row), isHost: row.host_id === this.snapshot.userId });
    if (row.topic === this.topic) return;
    this.leaveTopic?.();
    this.set({ isConnected: false });
    this.topic = row.topic;
    this.leaveTopic = liveChannel(this.client, row.topic, this.clock, this.page).listen({
      onEvent: (told) => this.hear(told),
      onLive: () => {
        this.set({ isConnected: true });
        this.soon();
      },
      onDown: (reason) => {
        this.set({ isConnected: false });
        if (reason !== null) this.soon(); // it may have moved, or one may be out
      },
    });
  }

  private follow(userId: string): void {
    const own = liveChannel(this.client, `user:${userId}`, this.clock, this.page);
    const awake = () => void this.stay();
    this.undo = [
      own.listen({ onEvent: (told) => this.hearOwn(told), onLive: () => this.soon(), onDown: () => {} }),
      this.page.on("visible", awake),
      this.page.on("woken", awake),
      this.page.on("online", awake),
    ];
    this.presence.set(PRESENCE_MS);
  }

  private hear(told: Told): void {
    const { event, payload } = told;
    if (event === "session:expired") this.over("expired");
    else if (event === "session:ended") this.over("ended");
    else if (event === "session:expiring") {
      const { expires_at, minutes_left } = payload as { expires_at?: string; minutes_left?: number };
      this.set({ isExpiring: true, expiresAt: expires_at ?? null, minutesLeft: minutes_left ?? null });
    } else if (event.startsWith("participant:")) this.soon();
    else for (const reader of [...this.readers]) reader(told);
  }

  private hearOwn({ event, payload }: Told): void {
    const { room } = this.snapshot;
    if (!room || payload.session_id !== room.id) return;
    if (event === "room:removed") this.over("removed");
    if (event === "room:moved") this.soon();
  }

  private soon(): void {
    if (this.snapshot.status === "in" && !this.look.isSet) this.look.set(GATHERING_MS);
  }

  private async list(id: string): Promise<void> {
    const participants = await call(this.client, "list_participants", { session_id: id });
    const next = participants.map((each) => camelize(each)) as Participant[];
    if (this.snapshot.status !== "in") return;
    if (next.length === 0) await this.failed(new HourglassError("session_closed", "The room is over.", 409));
    else if (JSON.stringify(next) !== JSON.stringify(this.snapshot.participants)) this.set({ participants: next });
  }

  /** Who is in, who is host and where it is spoken now. */
  private reconcile(): Promise<void> {
    return this.act(async (id) => {
      await this.list(id);
      if (this.snapshot.status === "in") this.know(await readRoom(this.client, id));
    });
  }

  private async failed(error: HourglassError): Promise<void> {
    if (error.slug === "not_a_participant" || error.slug === "session_not_found") this.over("left");
    else if (error.slug === "session_closed")
      this.over(await howItEnded(this.client, this.snapshot.room?.inviteCode ?? ""));
    else {
      this.set({ error });
      if (error.isTransient && this.snapshot.status === "in") this.presence.set(this.backoff.next());
    }
  }

  private over(status: RoomStatus): void {
    this.close();
    this.set({ status, isExpiring: false, isConnected: false, participants: [] });
  }

  private close(): void {
    for (const undo of this.undo.splice(0)) undo();
    this.leaveTopic?.();
    this.leaveTopic = null;
    this.topic = null;
    this.presence.clear();
    this.look.clear();
  }
}
