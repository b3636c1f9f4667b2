/** The tables of /proc/net. */
import { describe, expect, test } from "@jest/globals";
import { parseTcpTable, parseUnixTable } from "../../src/diagnosis/socket-table.ts";

const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const rest = "00000000:00000000 00:00000000 00000000     0        0";

describe("parseTcpTable()", () => {
  test("reads addresses of both families, listening and connected", () => {
    const table = `${head}   0: 0100007F:1F90 00000000:0000 0A ${rest} 4711 1 0 100 0 0 10 0
   1: 0100007F:C350 0502000A:1538 01 ${rest} 4712 1 0 20 4 30 10 -1
   2: 00000000000000000000000001000000:2328 00000000000000000000000000000000:0000 0A ${rest} 4713 1 0 100 0 0 10 0
   3: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A ${rest} 4714 1 0
   4: 0000000000000000FFFF00000100007F:0051 0000000000000000FFFF00000200007F:0052 01 ${rest} 4715 1 0
   5: B80D0120000000000000000001000000:0053 00000000000000000000000000000000:0000 0A ${rest} 4716 1 0\n`;
    expect(parseTcpTable(table)).toEqual([
      { inode: 4711, isListening: true, local: "127.0.0.1:8080", remote: undefined },
      { inode: 4712, isListening: false, local: "127.0.0.1:50000", remote: "10.0.2.5:5432" },
      { inode: 4713, isListening: true, local: "[::1]:9000", remote: undefined },
      { inode: 4714, isListening: true, local: "[::]:80", remote: undefined },
      { inode: 4715, isListening: false, local: "[::ffff:127.0.0.1]:81", remote: "[::ffff:127.0.0.2]:82" },
      { inode: 4716, isListening: true, local: "[2001:db8::1]:83", remote: undefined },
    ]);
  });
});

describe("parseUnixTable()", () => {
  test("reads paths with blanks, and sockets without a name", () => {
    const table = `Num       RefCount Protocol Flags    Type St Inode Path
ffff8881: 00000002 00000000 00010000 0001 01 4711 /run/a blog.sock
ffff8882: 00000003 00000000 00000000 0001 03 4712\n`;
    expect(parseUnixTable(table)).toEqual([
      { inode: 4711, isListening: true, local: "/run/a blog.sock", remote: undefined },
      { inode: 4712, isListening: false, local: "", remote: undefined },
    ]);
  });
});
