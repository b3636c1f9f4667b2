/** Drafts to a config: TOML with a comment, where it belongs, for all that has no counterpart. */
import type { Draft, Imported, Origin, Remark, RemarkKind, Value } from "./draft.ts";
import { commentText, tomlKey, tomlLine } from "./toml.ts";

/** Keys in the order in which people look for them. Keys that are missing here come last. */
const order = [
  ...["external", "command", "listen", "socket", "port", "socket-mode", "socket-owner", "listen-queue-depth"],
  ...[
    "allowed-clients",
    "processes",
    "cwd",
    "user",
    "group",
    "umask",
    "priority",
    "rlimits",
    "env",
    "env-file",
    "pass-env",
  ],
  ...["init-start-delay", "start-timeout", "start-grace", "min-server-life", "restart-delay", "max-restart-delay"],
  ...["stop-signal", "stop-timeout", "drain", "output-file", "output-max-size", "output-keep"],
];

const headings: readonly (readonly [RemarkKind, string])[] = [
  ["lost", "Without a counterpart here:"],
  ["elsewhere", "Of the web server or the service, not of the app:"],
  ["changed", "Translated, with a difference:"],
  ["same", "What fcgi-pm does anyway:"],
];

/** The whole text of a config. */
export function writeConfig(imported: Imported, sources: readonly string[]): string {
  const { apps, remarks, differences } = imported;
  const head = [
    `# Made by fcgi-pm import from ${commentText(sources.join(", "))}`,
    "# Prove it with: fcgi-pm check FILE    Run it with: fcgi-pm start --config FILE",
    ...differences.map((sentence) => `# ${commentText(sentence)}`),
  ];
  const blocks = [head, ...(remarks.length === 0 ? [] : [writeRemarks(remarks)]), ...apps.map(writeApp)];
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function writeApp(draft: Draft): string[] {
  const table = [
    `[apps.${tomlKey(draft.name)}]`,
    ...sorted(draft.settings).map(([key, value]) => tomlLine(key, value)),
  ];
  return [
    `# ${placeOf(draft.origin)}: ${shorten(draft.written)}`,
    ...(draft.isDormant
      ? [
          "# Not active, for a reason that stands below: take the marks away where it shall start.",
          ...table.map((line) => `# ${line}`),
        ]
      : table),
    ...writeRemarks(draft.remarks),
  ];
}

function sorted(settings: ReadonlyMap<string, Value>): (readonly [string, Value])[] {
  const rank = (key: string) => (order.includes(key) ? order.indexOf(key) : order.length);
  return [...settings].toSorted(([one], [other]) => rank(one) - rank(other));
}

/** Two lines for each: where it stands and what is written there, and what to know of it. */
function writeRemarks(remarks: readonly Remark[]): string[] {
  return headings.flatMap(([kind, heading]) => {
    const own = inOrder(remarks.filter((one) => one.kind === kind));
    if (own.length === 0) return [];
    return [
      `# ${heading}`,
      ...own.flatMap(({ origin, written, why }) => [
        `#   ${placeOf(origin)}: ${shorten(written)}`,
        `#     ${commentText(why)}`,
      ]),
    ];
  });
}

/** File by file as they came, line by line; the same thing is told once. */
function inOrder(remarks: readonly Remark[]): Remark[] {
  const files = [...new Set(remarks.map(({ origin }) => origin.file))];
  const seen = new Set<string>();
  const rank = ({ origin }: Remark) => files.indexOf(origin.file);
  return remarks
    .toSorted((one, other) => rank(one) - rank(other) || one.origin.line - other.origin.line)
    .filter(({ origin, written, why }) => {
      const key = JSON.stringify([origin, written, why]);
      return !seen.has(key) && seen.add(key);
    });
}

function placeOf({ file, line }: Origin): string {
  return commentText(line > 0 ? `${file}:${line}` : file);
}

/** A command of many lines stays readable in one. */
function shorten(text: string): string {
  const line = commentText(text.trim()).replace(/\s{2,}/g, " ");
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}

/** How many different settings have no counterpart among the keys of an app. */
export function countLost({ apps, remarks }: Imported): number {
  const all = [...remarks, ...apps.flatMap((app) => app.remarks)];
  const lost = all.filter(({ kind }) => kind === "lost" || kind === "elsewhere");
  return new Set(lost.map(({ origin, written }) => JSON.stringify([origin, written]))).size;
}
