import { useRef, useState } from "react";
import type { Participant } from "../../../src/index.ts";
import { ago, instant, plural } from "../format.ts";
import { Ask } from "../parts/Ask.tsx";
import { Icon } from "../parts/Icon.tsx";
import { useNow } from "../parts/now.ts";
import { Problem } from "../parts/Problem.tsx";
import { Card, Pill, View } from "../parts/View.tsx";
import { inviteLink } from "../route.ts";
import type { Room as Occupied } from "../shell.ts";

type Deed = { kind: "end" } | { kind: "remove"; who: Participant };

/** A room from inside: who is there, its link, and the ways out. */
export function Room({ room }: { room: Occupied }) {
  const [asked, setAsked] = useState<Deed | null>(null);
  const online = room.participants.filter((each) => each.isOnline).length;
  const title = room.room?.title || "Room without a title";
  return (
    <View
      title={title}
      aside={
        <div className="freshness">
          <span className="live" data-live={room.isConnected}>
            {room.isConnected ? "Live" : "Connecting"}
          </span>
        </div>
      }
    >
      <Problem error={room.error} again={room.stay} />
      <Expiring room={room} />
      <div className="columns">
        <Card
          title="Participants"
          aside={<span className="count">{`${online} online of ${room.participants.length}`}</span>}
        >
          <ul className="people">
            {room.participants.map((each) => (
              <Person
                key={each.userId}
                person={each}
                isOneself={each.userId === room.userId}
                onRemove={
                  room.isHost && each.userId !== room.userId ? () => setAsked({ kind: "remove", who: each }) : null
                }
              />
            ))}
          </ul>
        </Card>
        <Card title="Invite">
          <Invite code={room.room?.inviteCode ?? ""} />
          <p className="fine">
            {plural(room.room?.maxParticipants ?? 0, "seat")}. Whoever has the link can join while somebody was active
            within the last hour.
          </p>
          <div className="actions">
            <button type="button" onClick={() => void room.leave()}>
              Leave
            </button>
            {room.isHost && (
              <button type="button" className="danger" onClick={() => setAsked({ kind: "end" })}>
                End for everybody
              </button>
            )}
          </div>
        </Card>
      </div>
      {asked && <Sure deed={asked} room={room} onDone={() => setAsked(null)} />}
    </View>
  );
}

function Sure({ deed, room, onDone }: { deed: Deed; room: Occupied; onDone: () => void }) {
  const act = (doing: Promise<void>) => {
    void doing;
    onDone();
  };
  if (deed.kind === "end") {
    return (
      <Ask
        question="End the room for everybody?"
        detail="Nobody can come back, and its link stops working."
        deed="End the room"
        onYes={() => act(room.end())}
        onNo={onDone}
      />
    );
  }
  const { who } = deed;
  return (
    <Ask
      question={`Remove ${who.displayName ?? "this person"}?`}
      detail="They hear nothing more and cannot come back, not by the link either."
      deed="Remove"
      onYes={() => act(room.remove(who.userId))}
      onNo={onDone}
    />
  );
}

interface PersonProps {
  person: Participant;
  isOneself: boolean;
  onRemove: (() => void) | null;
}

function Person({ person, isOneself, onRemove }: PersonProps) {
  const now = useNow(10_000);
  const name = person.displayName ?? "Without a name";
  return (
    <li>
      <span className="dot" data-online={person.isOnline} />
      <span className="person">
        <span className="name">
          {name}
          {isOneself && " (you)"}
        </span>
        <span className="fine">{person.isOnline ? "Online" : `Seen ${ago(person.lastSeenAt, now)}`}</span>
      </span>
      {person.role === "host" && <Pill tone="calm">Host</Pill>}
      {onRemove && (
        <button type="button" className="quiet" aria-label={`Remove ${name}`} onClick={onRemove}>
          Remove
        </button>
      )}
    </li>
  );
}

function Expiring({ room }: { room: Occupied }) {
  if (!room.isExpiring) return null;
  return (
    <div className="notice" data-tone="warn" role="alert">
      <div>
        <strong>This room expires in {plural(room.minutesLeft ?? 0, "minute")}</strong>
        <p>Nobody has been active. It ends {instant(room.expiresAt)} unless somebody is.</p>
      </div>
      <button type="button" onClick={() => void room.stay()}>
        I am still here
      </button>
    </div>
  );
}

function Invite({ code }: { code: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [isCopied, setIsCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(field.current?.value ?? "");
      setIsCopied(true);
      setTimeout(() => setIsCopied(false), 2000);
    } catch {
      field.current?.select(); // without the permission it can be copied by hand
    }
  };
  return (
    <div className="inline">
      <label>
        Invite link
        <input
          ref={field}
          readOnly
          value={inviteLink(code, location.href)}
          onFocus={(event) => event.target.select()}
        />
      </label>
      <button type="button" className="copy" onClick={() => void copy()}>
        <Icon name="copy" />
        <span aria-live="polite">{isCopied ? "Copied" : "Copy"}</span>
      </button>
    </div>
  );
}
