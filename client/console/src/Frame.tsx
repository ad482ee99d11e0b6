import { type ReactNode, useEffect, useRef, useState } from "react";
import { subscriptionSummary } from "../../src/index.ts";
import { useReadingRoom, useSession, useUsageSession } from "../../src/react/index.ts";
import { useFeed } from "./feed.ts";
import { clock, number } from "./format.ts";
import { announcement, type Moment } from "./milestones.ts";
import { Icon } from "./parts/Icon.tsx";
import { ADMIN_PLACES, linkTo, PLACES, type Place, type Route, useRoute } from "./route.ts";
import { RoomContext, SessionContext, useMeteredSession, useSigned } from "./shell.ts";
import { Activity } from "./views/Activity.tsx";
import { Credits } from "./views/Credits.tsx";
import { Health } from "./views/Health.tsx";
import { Metrics } from "./views/Metrics.tsx";
import { Notifications } from "./views/Notifications.tsx";
import { Rooms } from "./views/Rooms.tsx";
import { Sessions } from "./views/Sessions.tsx";
import { Time } from "./views/Time.tsx";
import { Usage } from "./views/Usage.tsx";

/** How long a sign-out waits for what is still to be sent. */
const PATIENCE_MS = 1500;

const NAMES: Record<Place, string> = {
  time: "Time",
  sessions: "Sessions",
  credits: "Credits",
  rooms: "Rooms",
  notifications: "Notifications",
  usage: "Usage",
  activity: "Activity",
  metrics: "Metrics",
  health: "Health",
};

/** All that somebody signed in sees. What runs on in the background lives here: the clock, the room, the tracking. */
export function Frame() {
  const { client, isAdmin } = useSigned();
  const route = useRoute(isAdmin);
  const tracker = useSession(client, route.place);
  const leave = async () => {
    await Promise.race([tracker.end(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    await client.auth.signOut({ scope: "local" });
  };
  return (
    <Clock>
      <Occupied>
        <a className="skip" href="#content">
          Skip to the content
        </a>
        <div className="frame">
          <Head onSignOut={() => void leave()} />
          <Places place={route.place} />
          <main id="content">
            <Shown route={route} />
          </main>
        </div>
        <Announced />
      </Occupied>
    </Clock>
  );
}

function Clock({ children }: { children: ReactNode }) {
  const { client, streamUrl, deviceId } = useSigned();
  return <SessionContext value={useUsageSession(client, { streamUrl, deviceId })}>{children}</SessionContext>;
}

function Occupied({ children }: { children: ReactNode }) {
  return <RoomContext value={useReadingRoom(useSigned().client)}>{children}</RoomContext>;
}

function Head({ onSignOut }: { onSignOut: () => void }) {
  const { name } = useSigned();
  const { data } = useFeed(subscriptionSummary, undefined);
  return (
    <header className="head">
      <a className="brand" href={linkTo("time")}>
        <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
          <path d="M10 7h12M10 25h12M11 7c0 5.500 5 5.500 5 9s-5 3.500-5 9M21 7c0 5.500-5 5.500-5 9s5 3.500 5 9" />
        </svg>
        Hourglass
      </a>
      <dl className="glance" aria-label="Your plan">
        <div>
          <dt>Plan</dt>
          <dd>{data?.planName ?? "–"}</dd>
        </div>
        <div>
          <dt>Left</dt>
          <dd>
            <TimeLeft />
          </dd>
        </div>
        <div>
          <dt>Credits</dt>
          <dd>{number(data?.available ?? null)}</dd>
        </div>
      </dl>
      <div className="who">
        <span title={name}>{name}</span>
        <button type="button" className="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </header>
  );
}

function TimeLeft() {
  const { isLoaded, timeRemainingSeconds, limitSeconds } = useMeteredSession();
  if (!isLoaded) return "–";
  return limitSeconds === null || timeRemainingSeconds === null ? "Unlimited" : clock(timeRemainingSeconds);
}

function Places({ place }: { place: Place }) {
  const { isAdmin } = useSigned();
  const nav = useRef<HTMLElement>(null);
  // On a phone the places are a strip that scrolls: the one that is shown has to be in sight.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each time that the place changes
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [place]);
  const link = (to: Place) => (
    <a key={to} href={linkTo(to)} aria-current={to === place ? "page" : undefined}>
      <Icon name={to} />
      {NAMES[to]}
    </a>
  );
  return (
    <nav ref={nav} className="places" aria-label="Places">
      {PLACES.map(link)}
      {isAdmin && <span className="places-title">Administration</span>}
      {isAdmin && ADMIN_PLACES.map(link)}
    </nav>
  );
}

function Shown({ route: { place, inviteCode } }: { route: Route }) {
  switch (place) {
    case "time":
      return <Time />;
    case "sessions":
      return <Sessions />;
    case "credits":
      return <Credits />;
    case "rooms":
      return <Rooms key={inviteCode} inviteCode={inviteCode} />;
    case "notifications":
      return <Notifications />;
    case "usage":
      return <Usage />;
    case "activity":
      return <Activity />;
    case "metrics":
      return <Metrics />;
    case "health":
      return <Health />;
  }
}

/** What a screen reader says of the countdown, wherever in the console one is. */
function Announced() {
  const { isLoaded, status, timeRemainingSeconds } = useMeteredSession();
  const before = useRef<Moment | null>(null);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!isLoaded) return;
    const now = { status, timeRemainingSeconds };
    const text = announcement(before.current, now);
    before.current = now;
    if (text !== null) setSaid(text);
  }, [isLoaded, status, timeRemainingSeconds]);
  return (
    <div className="unseen" aria-live="polite" role="status">
      {said}
    </div>
  );
}
