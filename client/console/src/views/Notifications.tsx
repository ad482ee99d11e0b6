import { useFeed } from "../feed.ts";
import { ago, instant } from "../format.ts";
import { Freshness } from "../parts/Freshness.tsx";
import { useNow } from "../parts/now.ts";
import { Problem } from "../parts/Problem.tsx";
import { Card, View } from "../parts/View.tsx";
import { notifications } from "../sources.ts";
import { told } from "../words.ts";

/** What the user was told, the newest first. */
export function Notifications() {
  const feed = useFeed(notifications, undefined);
  const now = useNow(10_000);
  return (
    <View title="Notifications" aside={<Freshness feed={feed} />}>
      <Problem error={feed.error} again={feed.refresh} />
      {feed.data && (
        <Card title="The last 50">
          {feed.data.length === 0 && (
            <div className="empty">
              <strong>Nothing to tell</strong>
              <p>Limits that come near, credits that run low and purchases appear here once each.</p>
            </div>
          )}
          <ul className="told" aria-busy={feed.isLoading}>
            {feed.data.map((each) => {
              const { title, text, tone } = told(each);
              return (
                <li key={each.id} data-tone={tone}>
                  <span className="mark" aria-hidden="true" />
                  <div>
                    <strong>{title}</strong>
                    <p>{text}</p>
                  </div>
                  <time dateTime={each.createdAt} title={instant(each.createdAt)}>
                    {ago(each.createdAt, now)}
                  </time>
                </li>
              );
            })}
          </ul>
        </Card>
      )}
    </View>
  );
}
