import { type FormEvent, useState } from "react";
import { threadUsage } from "../../../src/index.ts";
import { useFeed } from "../feed.ts";
import { ago, number } from "../format.ts";
import { Freshness } from "../parts/Freshness.tsx";
import { useNow } from "../parts/now.ts";
import { Problem } from "../parts/Problem.tsx";
import { Card, Figures } from "../parts/View.tsx";

interface Props {
  threadId: string | null;
  onThread: (threadId: string) => void;
}

/** What one thread costs, live. */
export function Thread({ threadId, onThread }: Props) {
  const choose = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const chosen = String(new FormData(event.currentTarget).get("thread")).trim();
    if (chosen !== "") onThread(chosen);
  };
  return (
    <Card title="Live thread">
      <form className="inline" onSubmit={choose}>
        <label>
          Thread
          <input name="thread" defaultValue={threadId ?? ""} maxLength={512} required />
        </label>
        <button type="submit">Watch</button>
      </form>
      {threadId === null ? (
        <div className="empty">
          <strong>No thread to watch</strong>
          <p>Name one above; its credits move here while an agent works on it.</p>
        </div>
      ) : (
        <Watched threadId={threadId} />
      )}
    </Card>
  );
}

function Watched({ threadId }: { threadId: string }) {
  const [isRunning, setIsRunning] = useState(false);
  const feed = useFeed(threadUsage, { threadId }, isRunning);
  const now = useNow(5000);
  const { data } = feed;
  return (
    <>
      <Problem error={feed.error} again={feed.refresh} />
      <Figures
        label="This thread"
        figures={[
          { label: "Credits", value: number(data?.credits ?? null) },
          { label: "Tokens", value: number(data?.totalTokens ?? null) },
          {
            label: "Requests",
            value: number(data?.requests ?? null),
            note: data?.lastUsedAt ? `last ${ago(data.lastUsedAt, now)}` : undefined,
          },
        ]}
      />
      <label className="switch">
        <input type="checkbox" checked={isRunning} onChange={(event) => setIsRunning(event.target.checked)} />
        An agent is at work: ask every 10 s besides
      </label>
      <Freshness feed={feed} />
    </>
  );
}
