import { useSyncExternalStore } from "react";

export const PLACES = ["time", "sessions", "credits", "rooms", "notifications"] as const;
export const ADMIN_PLACES = ["usage", "activity", "metrics", "health"] as const;
export type Place = (typeof PLACES)[number] | (typeof ADMIN_PLACES)[number];

/** Where in the console one is. A link to a room leads to the rooms with its code. */
export interface Route {
  place: Place;
  inviteCode: string | null;
}

/** Reads the part of an address after its #. */
export function routeOf(hash: string, isAdmin: boolean): Route {
  const [place = "", code = ""] = hash.replace(/^#\/?/, "").split("/");
  if (place === "join" && code !== "") return { place: "rooms", inviteCode: decoded(code) };
  const known: readonly string[] = isAdmin ? [...PLACES, ...ADMIN_PLACES] : PLACES;
  return { place: known.includes(place) ? (place as Place) : "time", inviteCode: null };
}

export function linkTo(place: Place): string {
  return `#/${place}`;
}

/** The link that lets others into a room. What follows the # is never sent to a server. */
export function inviteLink(inviteCode: string, address: string): string {
  const link = new URL(address);
  link.hash = `/join/${encodeURIComponent(inviteCode)}`;
  return link.href;
}

/** The code in what somebody pasted: a link, or the code itself. */
export function inviteCodeOf(text: string): string {
  const [, code] = /#\/?join\/([^/?#\s]+)/.exec(text) ?? [];
  return code === undefined ? text.trim() : decoded(code);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function go(place: Place): void {
  location.hash = linkTo(place);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

export function useRoute(isAdmin: boolean): Route {
  return routeOf(
    useSyncExternalStore(subscribe, () => location.hash),
    isAdmin,
  );
}
