import type { ReactNode } from "react";

const RADIUS = 132;
const AROUND = 2 * Math.PI * RADIUS;

interface Props {
  /** What is left, from 0 to 1. */
  share: number;
  tone: string;
  children: ReactNode;
}

export function Ring({ share, tone, children }: Props) {
  return (
    <div className="ring" data-tone={tone}>
      <svg viewBox="0 0 288 288" aria-hidden="true" focusable="false">
        <circle className="track" cx="144" cy="144" r={RADIUS} />
        <circle
          className="left"
          cx="144"
          cy="144"
          r={RADIUS}
          strokeDasharray={AROUND}
          strokeDashoffset={AROUND * (1 - share)}
          data-empty={share <= 0}
        />
      </svg>
      <div className="ring-inside">{children}</div>
    </div>
  );
}
