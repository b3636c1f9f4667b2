/** Who listens where journald would, reads what comes as journald's documentation has it, and can be stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { until } from "../helpers/wait.ts";

export interface Received {
  /** The text of each; of a very long one how long it is. */
  readonly fields: Readonly<Record<string, string>>;
  /** The seals of the file in memory that it came in; absent: it came in the datagram. */
  readonly seals?: number;
}

export interface JournalPeer {
  readonly received: Received[];
  /** Reads nothing until it goes on. */
  pause(): Promise<void>;
  goOn(): void;
  end(): Promise<void>;
}

const program = `
import array, fcntl, json, os, socket, struct, sys
def fields(data):
    found = {}
    while data:
        line, _, rest = data.partition(b"\\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", rest[:8])
            value, end, rest = rest[8:8 + length], rest[8 + length:9 + length], rest[9 + length:]
            assert end == b"\\n", end
        found[name.decode()] = value.decode() if len(value) < 1 << 20 else "%d bytes" % len(value)
        data = rest
    return found
peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
peer.bind(sys.argv[1])
print("bound", flush=True)
while True:
    data, others, _, _ = peer.recvmsg(1 << 24, socket.CMSG_SPACE(4))
    answer = {}
    for _, _, bytes in others:
        fd = array.array("i", bytes)[0]
        answer["seals"] = fcntl.fcntl(fd, 1034)
        data = os.pread(fd, os.fstat(fd).st_size, 0)
        os.close(fd)
    answer["fields"] = fields(data)
    print(json.dumps(answer), flush=True)
`;

export async function startJournalPeer(path: string): Promise<JournalPeer> {
  rmSync(path, { force: true });
  const child = spawn("python3", ["-c", program, path], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const lines: string[] = [];
  const received: Received[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) received.push(JSON.parse(line) as Received);
    else lines.push(line);
  });
  await until(() => lines.includes("bound"), { what: "the peer" });
  return {
    received,
    pause: async () => {
      child.kill("SIGSTOP");
      await until(() => stateOf(child).startsWith("T"), { what: "the peer to stand still" });
    },
    goOn: () => void child.kill("SIGCONT"),
    end: () => {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

function stateOf({ pid }: ChildProcess): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2);
}
