/** journald by its native protocol: a datagram of fields, or a sealed file in memory where it is too large for one. */
import { closeSync } from "node:fs";
import type { JournalEntry } from "../observe/journal-entry.ts";
import {
  openDatagramSocket,
  openSealedMemory,
  SystemCallError,
  sendDatagram,
  sendDescriptors,
  setSocketOption,
  unixAddress,
} from "./posix.ts";

/** Where journald listens. systemd holds the socket, so that it stays while journald restarts. */
const usualPath = "/run/systemd/journal/socket";

/** `full`: it takes nothing at this moment. `gone`: nobody is there. */
export type Delivery = "sent" | "full" | "gone";

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;

/** As systemd's own library asks for; an ordinary user gets what net.core.wmem_max allows, 208 KiB as a rule. */
const sendBuffer = 8 * 1024 * 1024;

/** The way to journald. Nothing is kept of it but a socket: each entry finds whoever listens at that moment. */
export class Journald {
  readonly #address: Buffer;
  #fd: number | undefined;

  constructor(path: string = usualPath) {
    this.#address = unixAddress(path);
  }

  /** Never waits. */
  send(bytes: Buffer): Delivery {
    try {
      this.#deliver(bytes);
      return "sent";
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      return error.errno === "EAGAIN" ? "full" : "gone";
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #deliver(bytes: Buffer): void {
    this.#fd ??= openSocket();
    try {
      sendDatagram(this.#fd, this.#address, bytes);
    } catch (error) {
      const isTooLarge = error instanceof SystemCallError && ["EMSGSIZE", "ENOBUFS"].includes(error.errno);
      if (!isTooLarge) throw error;
      this.#deliverFile(this.#fd, bytes);
    }
  }

  /** journald reads the file only if nobody can change it meanwhile. */
  #deliverFile(fd: number, bytes: Buffer): void {
    const memory = openSealedMemory("journal-entry", bytes);
    try {
      sendDescriptors(fd, this.#address, Buffer.alloc(0), [memory]);
    } finally {
      closeSync(memory);
    }
  }
}

function openSocket(): number {
  const fd = openDatagramSocket();
  setSocketOption(fd, SOL_SOCKET, SO_SNDBUF, sendBuffer);
  return fd;
}

/** `NAME=value`, or, where the value has a line end, its name, its length in 8 bytes, and itself. */
export function encodeEntry(entry: JournalEntry): Buffer {
  return Buffer.concat(entry.map(([name, value]) => encodeField(name, Buffer.from(value))));
}

function encodeField(name: string, value: Buffer): Buffer {
  if (!value.includes("\n")) return Buffer.concat([Buffer.from(`${name}=`), value, newline]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, newline]);
}

const newline = Buffer.from("\n");
