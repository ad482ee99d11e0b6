import { expect, test } from "vitest";
import { MessageReader } from "../src/eventStream.ts";

const STREAM = `: hello\r\n\r\nevent: session:state\nid: 3\ndata: {"a":\ndata: 1}\n\ndata:bare\n\nevent: empty\n\n: beat\n\n`;
const MESSAGES = [
  { event: "session:state", data: '{"a":\n1}' },
  { event: "message", data: "bare" },
];

test("messages are whole, wherever the network cuts them", () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const reader = new MessageReader();
    const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    expect(pieces.flatMap((piece) => reader.read(piece))).toEqual(MESSAGES);
  }
});
