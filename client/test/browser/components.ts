// Each hook in a component of its own, as apps write them: what it shows is text, what it does are buttons.
import { createElement as element, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { type Client, threadUsage } from "../../src/index.ts";
import { useReadingRoom, useSession, useUsageFeed, useUsageSession } from "../../src/react/index.ts";

interface Props {
  client: Client;
  threadId: string;
  section: string;
}

const button = (name: string, onClick: () => unknown) => element("button", { type: "button", onClick }, name);
const text = (id: string, ...values: unknown[]) => element("p", { id }, values.join(" "));

function Countdown({ client }: Props) {
  const { status, isHolder, isConnected, startSession, stopSession } = useUsageSession(client);
  return element(
    "section",
    null,
    text("countdown", status, isHolder ? "here" : "elsewhere", isConnected ? "live" : "down"),
    button("start", () => startSession()),
    button("stop", stopSession),
  );
}

function Tracked({ client, section }: Props) {
  const { isActive, queuedEvents, section: current, logEvent } = useSession(client, section);
  return element(
    "section",
    null,
    text("tracked", isActive ? "active" : "away", current, queuedEvents),
    button("log", () => logEvent("click")),
  );
}

function Thread({ client, threadId }: Props) {
  const { data, isLive } = useUsageFeed(client, threadUsage, { threadId });
  return text("thread", data?.threadId, data?.credits, isLive ? "live" : "down");
}

function Room({ client }: Props) {
  const { status, participants, create, leave } = useReadingRoom(client);
  return element(
    "section",
    null,
    text("room", status, participants.length),
    button("create", () => create()),
    button("leave", leave),
  );
}

/** Renders all of them, anew with other properties each time; null takes them away. */
export function makeRender(): (props: Props | null) => void {
  const root = createRoot(document.body);
  return (props) =>
    root.render(
      props &&
        element(
          StrictMode,
          null,
          ...[Countdown, Tracked, Thread, Room].map((each) => element(each, { ...props, key: each.name })),
        ),
    );
}
