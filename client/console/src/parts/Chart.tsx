import { useEffect, useId, useMemo, useRef, useState } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { marks } from "./marks.ts";

export interface Point {
  /** What stands below it and in the table. */
  label: string;
  value: number;
}

interface Props {
  title: string;
  /** What all of it comes to, in words. */
  summary: string;
  points: Point[];
  format: (value: number) => string;
  /** Shorter, for the axis. */
  shortFormat?: (value: number) => string;
  /** Whether half of one makes no sense. */
  isWhole?: boolean;
}

const HEIGHT_PX = 180;
const AXIS_PX = 52;
const LABELS_PX = 28;
const STEPS = [0.1, 0.2, 0.5].concat([1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9].flatMap((n) => [n, 2 * n, 5 * n]));
const FONT = "12px system-ui, sans-serif";

/** Bars, drawn on a canvas: the same is there as a table, for those who cannot see it. */
export function Chart({ title, summary, points, format, shortFormat = format, isWhole = true }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const shown = useRef({ points, shortFormat });
  const [at, setAt] = useState<number | null>(null);
  const id = useId();
  const data = useMemo((): UPlot.AlignedData => [points.map((_, n) => n), points.map(({ value }) => value)], [points]);
  const latest = useRef(data);
  shown.current = { points, shortFormat };
  latest.current = data;

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new UPlot(options(element, shown, setAt, isWhole), latest.current, element);
    };
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    const isDark = matchMedia("(prefers-color-scheme: dark)");
    draw();
    resized.observe(element);
    isDark.addEventListener("change", draw); // the colours on a canvas are painted
    return () => {
      resized.disconnect();
      isDark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [isWhole]);
  useEffect(() => plot.current?.setData(data), [data]);

  const pointed = at === null ? undefined : points[at];
  return (
    <figure className="chart" aria-labelledby={id}>
      <figcaption id={id}>
        <span>{title}</span>
        <strong>{pointed ? `${pointed.label}: ${format(pointed.value)}` : summary}</strong>
      </figcaption>
      <div ref={place} className="plot" aria-hidden="true">
        {points.every(({ value }) => value === 0) && <p>Nothing in this span</p>}
      </div>
      <details>
        <summary>As a table</summary>
        <section className="numbers" aria-label={`${title}, as a table`}>
          <table aria-label={title}>
            <tbody>
              {points.map((point) => (
                <tr key={point.label}>
                  <th scope="row">{point.label}</th>
                  <td>{format(point.value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </figure>
  );
}

function options(
  element: HTMLElement,
  shown: { current: { points: Point[]; shortFormat: (value: number) => string } },
  setAt: (at: number | null) => void,
  isWhole: boolean,
): UPlot.Options {
  const styles = getComputedStyle(element);
  const colour = (name: string) => styles.getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), font: FONT, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { setScale: false } },
    scales: {
      x: { time: false, range: (_, from, to) => [from - 0.6, to + 0.6] },
      y: { range: (_, __, to) => [0, to > 0 ? to * 1.08 : 1] },
    },
    axes: [
      {
        ...axis,
        size: LABELS_PX,
        grid: { show: false },
        splits: () => marks(shown.current.points.length, element.clientWidth - AXIS_PX),
        values: (_, places) => places.map((place) => shown.current.points[place]?.label ?? ""),
      },
      {
        ...axis,
        size: AXIS_PX,
        incrs: isWhole ? STEPS.filter((step) => step >= 1) : STEPS,
        grid: { stroke: colour("--line"), width: 1 },
        values: (_, values) => values.map((value) => shown.current.shortFormat(value)),
      },
    ],
    series: [
      {},
      {
        fill: colour("--accent"),
        ...(UPlot.paths.bars ? { paths: UPlot.paths.bars({ size: [0.72, 40], radius: 0.15 }) } : {}),
        points: { show: false },
      },
    ],
    hooks: { setCursor: [(drawn) => setAt(drawn.cursor.idx ?? null)] },
  };
}
