const PATHS = {
  time: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  sessions: "M4 6h16M4 12h16M4 18h10",
  credits:
    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M14.5 9.5c-.5-.8-1.400-1.300-2.500-1.300-1.500 0-2.600.8-2.600 1.900 0 2.600 5.300 1.200 5.300 3.800 0 1.100-1.200 1.900-2.700 1.900-1.200 0-2.200-.5-2.700-1.300M12 6.700v1.500M12 15.800v1.500",
  rooms:
    "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M3 19c0-3 2.500-5 6-5s6 2 6 5M16 5.500a3 3 0 0 1 0 5.500M18 14.500c2 .8 3 2.400 3 4.500",
  notifications: "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 20.500h4",
  usage: "M4 5h16v14H4zM4 10h16M10 10v9",
  activity: "M3 12h4l3-8 4 16 3-8h4",
  metrics: "M5 20V10M12 20V4M19 20v-7",
  health: "M12 20s-8-4.500-8-10.500A4.500 4.500 0 0 1 12 7a4.500 4.500 0 0 1 8 2.500C20 15.500 12 20 12 20z",
  refresh: "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
} as const;

export type IconName = keyof typeof PATHS;

/** Beside words that say the same: nothing is read out. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
