/**
 * Keeps the connections of clients within bounds: how many there are, how long a client may take over its part, and that
 * it asks one thing at a time. Timers run only while somebody is connected: Node's own check would wake an idle manager.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { FcgiPmError } from "../errors.ts";
import { refuse } from "./refuse.ts";

export interface ConnectionLimits {
  readonly mostConnections: number;
  /** From the connection, or the last answer, until a whole request is here. */
  readonly askMs: number;
  /** From our answer until the client has taken it. */
  readonly takeMs: number;
}

/** How long a client may take over its answer when we are about to go, or while it sends a body that nobody reads. */
const lingerMs = 1000;

/**
 * `waiting`: for a request. `receiving`: its head is here, its body is not. `working`: it is ours to act. `answered`: the
 * client has to take its answer.
 */
type Turn = "waiting" | "receiving" | "working" | "answered";

interface Connection {
  turn: Turn;
  deadline: NodeJS.Timeout | undefined;
  /** What the client had sent when it was last waited for. */
  bytesBefore: number;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  /** In the order they came. */
  readonly #open = new Map<Socket, Connection>();
  #isLeaving = false;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Where there are too many, the one goes that came first of those that still have to ask: whoever asks now is served. */
  admit(socket: Socket): void {
    const connection: Connection = { turn: "waiting", deadline: undefined, bytesBefore: 0 };
    this.#open.set(socket, connection);
    socket.once("close", () => this.#forget(socket));
    this.#wait(socket, connection);
    if (this.#open.size <= this.#limits.mostConnections) return;
    this.#drop([...this.#open.keys()].find((open) => this.isAsking(open)) ?? socket);
  }

  /** Whether this request may be served. A client that asks again before it has its answer is let go: nobody needs that. */
  begin(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
    const { socket } = incoming;
    const connection = this.#open.get(socket);
    if (connection?.turn !== "waiting") {
      this.#drop(socket);
      return false;
    }
    // The deadline is one for the whole request, head and body.
    connection.turn = "receiving";
    if (incoming.method === "GET" || incoming.method === "HEAD") this.#work(connection);
    else incoming.once("end", () => this.#work(connection));
    // A body that nobody reads any more may run out, so that the client gets to read its answer.
    outgoing.once("close", () => {
      if (incoming.complete) this.#wait(socket, connection);
      else this.answered(socket, lingerMs);
    });
    return true;
  }

  /** The whole answer is on its way. */
  answered(socket: Socket | null, patienceMs = this.#isLeaving ? lingerMs : this.#limits.takeMs): void {
    const connection = socket === null ? undefined : this.#open.get(socket);
    if (socket === null || connection === undefined) return;
    connection.turn = "answered";
    this.#giveTime(connection, patienceMs, () => this.#drop(socket));
  }

  /** It is the client's turn, and nothing has been answered yet. */
  isAsking(socket: Socket): boolean {
    const turn = this.#open.get(socket)?.turn;
    return turn === "waiting" || turn === "receiving";
  }

  /** Ends those that nobody works for, now, and the others when they have their answer. */
  leave(): void {
    this.#isLeaving = true;
    for (const [socket, { turn }] of this.#open) {
      if (this.isAsking(socket)) this.#drop(socket);
      else if (turn === "answered") this.answered(socket);
    }
  }

  #wait(socket: Socket, connection: Connection): void {
    if (!this.#open.has(socket)) return;
    if (this.#isLeaving) socket.destroySoon();
    connection.turn = "waiting";
    connection.bytesBefore = socket.bytesRead;
    this.#giveTime(connection, this.#limits.askMs, () => this.#giveUp(socket, connection));
  }

  #work(connection: Connection): void {
    if (connection.turn !== "receiving") return;
    connection.turn = "working";
    clearTimeout(connection.deadline);
  }

  /** Who has begun to ask is told why it ends; who was idle is not. */
  #giveUp(socket: Socket, connection: Connection): void {
    if (socket.bytesRead === connection.bytesBefore) socket.destroy();
    else refuse(socket, new FcgiPmError("FCGI_PM_REQUEST_TIMED_OUT", "Cannot take this request: it comes too slowly"));
    this.#forget(socket);
  }

  #giveTime(connection: Connection, ms: number, act: () => void): void {
    clearTimeout(connection.deadline);
    connection.deadline = setTimeout(act, ms);
  }

  /** Forgotten at once: what else it has sent is read by Node all the same, and is for nobody. */
  #drop(socket: Socket): void {
    this.#forget(socket);
    socket.destroy();
  }

  #forget(socket: Socket): void {
    clearTimeout(this.#open.get(socket)?.deadline);
    this.#open.delete(socket);
  }
}
