/**
 * Reads sockets into one buffer that all share, as node:http does. Otherwise Node takes 64 KiB of memory for each read, and gives most
 * of it back: a sixth of a busy responder's time, and half of its uploads a second where the allocator is in a bad mood.
 */
import { Socket } from "node:net";

const shared = Buffer.allocUnsafeSlow(65_536);

type Take = (chunk: Buffer) => void;

/** What Node keeps of the option `onread`, which it offers for sockets that one makes oneself, and not for accepted ones. */
interface Slots {
  readonly buffer: symbol;
  readonly callback: symbol;
}

interface Insides {
  [slot: symbol]: unknown;
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null;
}

const slots = findSlots();

/**
 * Calls with all that comes in on this socket, which has just been accepted. Chunks are good until the call returns: whoever keeps
 * bytes copies them. Where this version of Node has no such slots, chunks are the socket's own.
 */
export function onChunk(socket: Socket, take: Take): void {
  const insides = socket as unknown as Insides;
  const handle = insides._handle;
  if (slots === undefined || typeof handle?.useUserBuffer !== "function" || insides[slots.buffer] !== null) {
    socket.on("data", take);
    return;
  }
  insides[slots.buffer] = shared;
  insides[slots.callback] = (length: number) => take(shared.subarray(0, length));
  handle.useUserBuffer(shared);
  // "end" comes only where the stream flows.
  socket.resume();
}

/** By what lies in them. */
function findSlots(): Slots | undefined {
  const callback = () => true;
  const probe = new Socket({ onread: { buffer: shared, callback } } as object);
  const insides = probe as unknown as Insides;
  const holding = (value: unknown) => Object.getOwnPropertySymbols(probe).find((slot) => insides[slot] === value);
  const [bufferSlot, callbackSlot] = [holding(shared), holding(callback)];
  probe.destroy();
  return bufferSlot === undefined || callbackSlot === undefined
    ? undefined
    : { buffer: bufferSlot, callback: callbackSlot };
}
