/** Which sockets a process has, with their addresses. */
import { parseTcpTable, parseUnixTable, type TableSocket } from "../diagnosis/socket-table.ts";
import { read, socketsOf } from "../os/proc-files.ts";

export interface OpenSocket extends TableSocket {
  readonly fd: number;
  readonly kind: "unix" | "tcp";
}

/** Those of its network namespace that are Unix sockets or TCP; none where we may not look. */
export function openSocketsOf(pid: number): OpenSocket[] {
  try {
    const descriptors = [...socketsOf(pid)];
    return tablesOf(pid).flatMap(({ kind, sockets }) =>
      descriptors.flatMap(([fd, inode]) => {
        const found = sockets.get(inode);
        return found === undefined ? [] : [{ ...found, fd, kind }];
      }),
    );
  } catch {
    return [];
  }
}

function tablesOf(pid: number): { kind: "unix" | "tcp"; sockets: Map<number, TableSocket> }[] {
  const tcp = ["tcp", "tcp6"].flatMap((name) => parseTcpTable(tryRead(`/proc/${pid}/net/${name}`)));
  return [
    { kind: "unix", sockets: byInode(parseUnixTable(tryRead(`/proc/${pid}/net/unix`))) },
    { kind: "tcp", sockets: byInode(tcp) },
  ];
}

function byInode(sockets: readonly TableSocket[]): Map<number, TableSocket> {
  return new Map(sockets.map((socket) => [socket.inode, socket]));
}

function tryRead(path: string): string {
  try {
    return read(path);
  } catch {
    return ""; // no IPv6
  }
}
