type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

/** A row with the names of its columns as JavaScript writes them; what is inside of them stays as it is. */
export type Camelized<Row> = { [Key in keyof Row as Key extends string ? Camel<Key> : never]: Row[Key] };

export function camelize<Row extends object>(row: Row): Camelized<Row> {
  const entries = Object.entries(row).map(([key, value]) => [camel(key), value]);
  return Object.fromEntries(entries) as Camelized<Row>;
}

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
