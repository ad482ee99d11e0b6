import { type ReactNode, useEffect, useRef } from "react";

/** One place of the console. Its heading takes the focus, so that a screen reader says where one is. */
export function View({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Hourglass`;
    if (document.activeElement !== document.body) heading.current?.focus();
  }, [title]);
  return (
    <>
      <header className="view-head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {aside}
      </header>
      {children}
    </>
  );
}

export function Card({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <div className="card-head">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

interface Figure {
  label: string;
  value: string;
  note?: string | undefined;
}

/** A few numbers side by side. Their room is theirs before they are known. */
export function Figures({ label, figures }: { label: string; figures: Figure[] }) {
  return (
    <dl className="figures" aria-label={label}>
      {figures.map((figure) => (
        <div key={figure.label} className="figure">
          <dt>{figure.label}</dt>
          <dd>{figure.value}</dd>
          <dd className="note">{figure.note ?? "\u00a0"}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Pill({ tone, children }: { tone: string; children: ReactNode }) {
  return (
    <span className="pill" data-tone={tone}>
      {children}
    </span>
  );
}
