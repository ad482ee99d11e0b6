import { useFeed } from "../feed.ts";
import { plural } from "../format.ts";
import { Freshness } from "../parts/Freshness.tsx";
import { Problem } from "../parts/Problem.tsx";
import { Card, View } from "../parts/View.tsx";
import { type Check, health } from "../sources.ts";

/** What an operator looks at first: what is wrong, and what to do about it. */
export function Health() {
  const feed = useFeed(health, undefined);
  const checks = [...(feed.data?.checks ?? [])].sort((one, other) => Number(one.ok) - Number(other.ok));
  const findings = checks.filter(({ ok }) => !ok).length;
  return (
    <View title="Health" aside={<Freshness feed={feed} isPolled />}>
      <Problem error={feed.error} again={feed.refresh} />
      {feed.data && (
        <div className="notice" data-tone={findings === 0 ? "good" : "bad"} role="status">
          <div>
            <strong>{findings === 0 ? "All is well" : plural(findings, "finding")}</strong>
            <p>
              {findings === 0
                ? `${plural(checks.length, "check")}, none has anything to say.`
                : "Each says below what to do about it."}
            </p>
          </div>
        </div>
      )}
      <Card title="Checks">
        <ul className="told checks" aria-busy={feed.isLoading}>
          {checks.map((check) => (
            <Finding key={check.name} check={check} />
          ))}
        </ul>
      </Card>
    </View>
  );
}

function Finding({ check: { name, ok, detail, hint } }: { check: Check }) {
  return (
    <li data-tone={ok ? "good" : "bad"}>
      <span className="mark" role="img" aria-label={ok ? "Well" : "Not well"} />
      <div>
        <strong className="code">{name}</strong>
        <p>{detail}</p>
        {hint !== null && <p className="hint">What to do: {hint}</p>}
      </div>
    </li>
  );
}
