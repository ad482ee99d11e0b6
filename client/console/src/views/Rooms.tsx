import type { FormEvent } from "react";
import { useFeed } from "../feed.ts";
import { ago } from "../format.ts";
import { useNow } from "../parts/now.ts";
import { Problem } from "../parts/Problem.tsx";
import { type Column, Table } from "../parts/Table.tsx";
import { Card, View } from "../parts/View.tsx";
import { go, inviteCodeOf } from "../route.ts";
import { type Room as Occupied, useRoom, useSigned } from "../shell.ts";
import { type KnownRoom, rooms } from "../sources.ts";
import { Room } from "./Room.tsx";

const OVER = {
  left: { title: "You have left the room", text: "Its link, or your list below, lets you in again.", tone: "calm" },
  removed: { title: "The host has removed you", text: "You hear nothing more of this room.", tone: "bad" },
  ended: { title: "The room has ended", text: "The host has ended it for everybody.", tone: "calm" },
} as const;

/** Rooms to create, to join and to come back to; or the one that one is in. */
export function Rooms({ inviteCode }: { inviteCode: string | null }) {
  const room = useRoom();
  if (room.status === "in" && (inviteCode === null || inviteCode === room.room?.inviteCode))
    return <Room room={room} />;
  return (
    <View title="Rooms">
      <HowItEnded room={room} />
      <div className="columns">
        <Join room={room} inviteCode={inviteCode} />
        <Create room={room} />
      </div>
      <Known room={room} />
    </View>
  );
}

function HowItEnded({ room: { status, error } }: { room: Occupied }) {
  if (error) return <Problem error={error} />;
  if (status === "expired") {
    return (
      <div className="notice" data-tone="warn" role="alert">
        <div>
          <strong>The room has expired</strong>
          <p>Nobody was active in it for too long.</p>
        </div>
      </div>
    );
  }
  if (status !== "left" && status !== "removed" && status !== "ended") return null;
  const { title, text, tone } = OVER[status];
  return (
    <div className="notice" data-tone={tone} role="status">
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
      </div>
    </div>
  );
}

function Join({ room, inviteCode }: { room: Occupied; inviteCode: string | null }) {
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const name = String(form.get("name")).trim();
    await room.join({ inviteCode: inviteCodeOf(String(form.get("invite"))) }, name || undefined);
    go("rooms");
  };
  return (
    <Card title="Join by link">
      {inviteCode !== null && <p className="fine">You were invited. Say who you are, and go in.</p>}
      <form onSubmit={(event) => void submit(event)}>
        <label>
          Link or code
          <input name="invite" required maxLength={512} defaultValue={inviteCode ?? ""} autoComplete="off" />
        </label>
        <Name />
        <button type="submit" className="primary" disabled={room.status === "joining"}>
          Join
        </button>
      </form>
    </Card>
  );
}

function Create({ room }: { room: Occupied }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name)).trim();
    void room.create({
      maxParticipants: Number(text("seats")),
      ...(text("title") ? { title: text("title") } : {}),
      ...(text("name") ? { displayName: text("name") } : {}),
    });
  };
  return (
    <Card title="Create a room">
      <form onSubmit={submit}>
        <div className="side-by-side">
          <label>
            Title
            <input name="title" maxLength={120} autoComplete="off" />
          </label>
          <label className="narrow">
            Seats
            <input name="seats" type="number" min={1} max={100} defaultValue={8} required />
          </label>
        </div>
        <Name />
        <button type="submit" disabled={room.status === "joining"}>
          Create
        </button>
      </form>
    </Card>
  );
}

function Name() {
  return (
    <label>
      Your name in the room
      <input name="name" maxLength={120} autoComplete="nickname" />
    </label>
  );
}

function Known({ room }: { room: Occupied }) {
  const { userId } = useSigned();
  const feed = useFeed(rooms, undefined);
  const now = useNow(30_000);
  const columns: Column<KnownRoom>[] = [
    { label: "Room", share: 4, cell: (row) => row.title ?? "Without a title", title: (row) => row.title ?? undefined },
    { label: "You are", share: 2, cell: (row) => (row.hostId === userId ? "Host" : "Participant") },
    { label: "Created", share: 2, cell: (row) => ago(row.createdAt, now) },
    {
      label: "Way in",
      share: 2,
      cell: (row) => (
        <button type="button" disabled={room.status === "joining"} onClick={() => void room.join({ roomId: row.id })}>
          Enter
        </button>
      ),
    },
  ];
  return (
    <Card title="Your rooms">
      <Table
        label="Your rooms"
        columns={columns}
        rows={feed.data}
        keyOf={(row) => row.id}
        isLoading={feed.isLoading}
        empty={
          <>
            <strong>No room yet</strong>
            <p>Create one and share its link, or join by the link of somebody else.</p>
          </>
        }
      />
    </Card>
  );
}
