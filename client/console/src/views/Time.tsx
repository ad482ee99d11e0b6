import type { UsageSessionSnapshot } from "../../../src/index.ts";
import { clock, day, duration, instant, NOTHING } from "../format.ts";
import { Problem } from "../parts/Problem.tsx";
import { Ring } from "../parts/Ring.tsx";
import { Card, Figures, Pill, View } from "../parts/View.tsx";
import { type Session, useMeteredSession, useSigned } from "../shell.ts";
import { STATUS } from "../words.ts";

const PENDING = { starting: "Starting…", stopping: "Stopping…", pausing: "Pausing…", resuming: "Resuming…" } as const;

/** The countdown, and what starts and stops it. */
export function Time() {
  const session = useMeteredSession();
  return (
    <View title="Time" aside={<Connected session={session} />}>
      <Notices session={session} />
      <div className="time">
        <Card title="Countdown">
          <Ring share={shareLeft(session)} tone={toneOf(session)}>
            <Inside session={session} />
          </Ring>
          <Controls session={session} />
        </Card>
        <Card title="This period">
          <Figures label="This period" figures={figuresOf(session)} />
          <p className="fine">
            The clock is the server's. Closing or reloading this page stops it; when the connection is lost it runs on
            for up to 90 seconds.
          </p>
        </Card>
      </div>
    </View>
  );
}

function shareLeft({ isLoaded, limitSeconds, timeRemainingSeconds }: Session): number {
  if (!isLoaded) return 0;
  if (limitSeconds === null || timeRemainingSeconds === null) return 1;
  return limitSeconds === 0 ? 0 : timeRemainingSeconds / limitSeconds;
}

function toneOf({ isActive, hasReachedLimit, isNearLimit }: UsageSessionSnapshot): string {
  if (hasReachedLimit) return "bad";
  if (isNearLimit) return "warn";
  return isActive ? "good" : "calm";
}

function Inside({ session }: { session: Session }) {
  const { isLoaded, status, limitSeconds, timeRemainingSeconds, currentSessionSeconds } = session;
  const isUnlimited = limitSeconds === null || timeRemainingSeconds === null;
  const shown = isUnlimited ? currentSessionSeconds : timeRemainingSeconds;
  return (
    <>
      <Pill tone={isLoaded ? STATUS[status].tone : "calm"}>{isLoaded ? STATUS[status].label : "Asking…"}</Pill>
      <span className="clock" role="timer" aria-label={isUnlimited ? "This session" : "Time left"}>
        {isLoaded ? clock(shown) : "--:--"}
      </span>
      <span className="under-clock">
        {!isLoaded ? "\u00a0" : isUnlimited ? "this session, no limit" : `left of ${duration(limitSeconds)}`}
      </span>
    </>
  );
}

function Controls({ session }: { session: Session }) {
  const { isLoaded, status, pending, hasReachedLimit, deviceId } = session;
  const own = useSigned().deviceId;
  const isLive = status === "active" || status === "paused";
  const isElsewhere = isLive && deviceId !== own;
  const isBusy = pending !== null || !isLoaded;
  return (
    <fieldset className="controls" aria-label="The clock">
      {isElsewhere && (
        <button type="button" className="primary" disabled={isBusy} onClick={() => void session.takeOver()}>
          Take over
        </button>
      )}
      {!isLive && (
        <button
          type="button"
          className="primary"
          disabled={isBusy || hasReachedLimit}
          onClick={() => void session.startSession()}
        >
          Start
        </button>
      )}
      {status === "active" && !isElsewhere && (
        <button type="button" disabled={isBusy} onClick={() => void session.pause()}>
          Pause
        </button>
      )}
      {status === "paused" && !isElsewhere && (
        <button type="button" className="primary" disabled={isBusy} onClick={() => void session.resume()}>
          Resume
        </button>
      )}
      {isLive && (
        <button type="button" disabled={pending === "stopping"} onClick={() => void session.stopSession()}>
          Stop
        </button>
      )}
      <span className="pending">{pending ? PENDING[pending] : "\u00a0"}</span>
    </fieldset>
  );
}

function Notices({ session }: { session: Session }) {
  const { isLoaded, hasReachedLimit, isNearLimit, status, deviceId, error, timeRemainingSeconds, periodEndsAt } =
    session;
  const own = useSigned().deviceId;
  const isLive = status === "active" || status === "paused";
  return (
    <>
      <Problem error={error} again={error?.isTransient ? session.refresh : undefined} />
      {isLoaded && hasReachedLimit && (
        <div className="notice" data-tone="bad">
          <div>
            <strong>All of this period's time is used</strong>
            <p>It begins anew on {instant(periodEndsAt)}.</p>
          </div>
        </div>
      )}
      {isLoaded && isNearLimit && !hasReachedLimit && (
        <div className="notice" data-tone="warn">
          <div>
            <strong>Near the limit</strong>
            <p>
              {duration(timeRemainingSeconds ?? 0)} left until {day(periodEndsAt)}.
            </p>
          </div>
        </div>
      )}
      {isLive && deviceId !== own && error?.slug !== "session_active_elsewhere" && (
        <div className="notice" data-tone="calm">
          <div>
            <strong>The clock runs on another device</strong>
            <p>Take it over to go on here: it is the same session, and no second is counted twice.</p>
          </div>
        </div>
      )}
      {status === "expired" && (
        <div className="notice" data-tone="warn">
          <div>
            <strong>The last session expired</strong>
            <p>Nothing was heard of its device. It counts until it expired.</p>
          </div>
        </div>
      )}
    </>
  );
}

function figuresOf(session: Session) {
  const { isLoaded, totalUsageSeconds, limitSeconds, currentSessionSeconds, sessionStartedAt } = session;
  if (!isLoaded) return ["Used", "This session", "Begins anew"].map((label) => ({ label, value: NOTHING }));
  return [
    {
      label: "Used",
      value: duration(totalUsageSeconds),
      note: limitSeconds === null ? "no limit" : `of ${duration(limitSeconds)}`,
    },
    {
      label: "This session",
      value: sessionStartedAt === null ? NOTHING : duration(currentSessionSeconds),
      note: sessionStartedAt === null ? undefined : `since ${instant(sessionStartedAt)}`,
    },
    { label: "Begins anew", value: day(session.periodEndsAt), note: `since ${day(session.periodStartedAt)}` },
  ];
}

function Connected({ session: { isLoaded, isConnected, connection, error } }: { session: Session }) {
  const isLost = error?.isTransient ?? false;
  const isLive = isConnected && !isLost;
  return (
    <div className="freshness">
      <span className="live" data-live={isLive}>
        {isLive
          ? "Live"
          : isLost
            ? "Not connected"
            : isLoaded && connection === "polling"
              ? "Every 10 s"
              : "Connecting"}
      </span>
    </div>
  );
}
