import type { Told } from "./liveChannel.ts";

/** One message of a stream of Server-Sent Events. */
export interface Message {
  event: string;
  data: string;
}

/** Puts pieces of text together to messages, however they were cut. Comments and what nobody needs here are dropped. */
export class MessageReader {
  private rest = "";
  private event = "";
  private data: string[] = [];

  read(piece: string): Message[] {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.take(line));
  }

  private take(line: string): Message[] {
    if (line === "") {
      const message = { event: this.event || "message", data: this.data.join("\n") };
      const isEmpty = this.data.length === 0;
      this.event = "";
      this.data = [];
      return isEmpty ? [] : [message];
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") this.event = value ?? "";
    if (field === "data") this.data.push(value ?? "");
    return [];
  }
}

export interface Stream {
  address: string;
  token: string;
  signal: AbortSignal;
  onOpen(): void;
  onEvent(told: Told): void;
}

/** Follows the worker's stream until it ends. Throws when it is refused or breaks. `EventSource` can send no token. */
export async function follow({ address, token, signal, onOpen, onEvent }: Stream): Promise<void> {
  const headers = { accept: "text/event-stream", authorization: `Bearer ${token}` };
  const response = await fetch(address, { headers, signal, cache: "no-store" });
  if (!response.ok || !response.body) throw new Error(`the stream answers ${response.status}`);
  onOpen();
  const reader = new MessageReader();
  const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await text.read();
    if (done) return;
    for (const { event, data } of reader.read(value)) onEvent({ event, payload: JSON.parse(data) });
  }
}
