/** How the doctor's findings look: for people, or as one JSON object. */
import type { Finding, Level } from "../diagnosis/finding.ts";
import { paint, type Style } from "../observe/paint.ts";
import { oneCell } from "../observe/width.ts";

/** One patient, examined. */
export interface Report {
  readonly name: string;
  readonly findings: readonly Finding[];
  /** What was done, and what came of it. */
  readonly tried: readonly string[];
}

const styles: Readonly<Record<Level, Style>> = { broken: "bad", risk: "warning", note: "under-way" };

/** Texts of others are made harmless. */
export function reportLines(reports: readonly Report[], colour: boolean): string[] {
  return reports.flatMap((report, index) => [...(index === 0 ? [] : [""]), ...linesOf(report, colour)]);
}

function linesOf({ name, findings, tried }: Report, colour: boolean): string[] {
  return [
    paint(oneCell(name), "bold", colour),
    ...findings.flatMap((finding) => findingLines(finding, colour)),
    "",
    ...tried.map((text) => paint(`  tried: ${oneCell(text)}`, "dim", colour)),
    `  ${summaryOf(findings, tried, colour)}`,
  ];
}

function findingLines({ level, what, seen, remedy, code }: Finding, colour: boolean): string[] {
  return [
    "",
    `  ${paint(level, styles[level], colour)}: ${oneCell(what)} ${paint(`[${code}]`, "dim", colour)}`,
    ...seen.map((line) => `    ${line.startsWith("|") ? "  " : ""}${oneCell(line)}`),
    ...remedy.map((line) => `    ${paint("try:", "good", colour)} ${oneCell(line)}`),
  ];
}

function summaryOf(findings: readonly Finding[], tried: readonly string[], colour: boolean): string {
  const counts = (["broken", "risk", "note"] as const)
    .map((level) => [level, findings.filter((finding) => finding.level === level).length] as const)
    .filter(([, count]) => count > 0)
    .map(([level, count]) => counted(level, count));
  if (findings.some(({ level }) => level === "broken")) return paint(counts.join(", "), "bad", colour);
  const praise = `nothing is ${counts.length === 0 ? "wrong" : "broken"}${proofOf(tried)}`;
  return [paint(praise, "good", colour), ...counts].join("; ");
}

/** The answer that proves it. */
function proofOf(tried: readonly string[]): string {
  const proof = tried.find((text) => /^[A-Z]+ (?:https?:\/\/[^\s/]+)?\/.*: [1-5]\d\d in /.test(text));
  return proof === undefined ? ", as far as could be seen" : `: ${proof.replace(": ", " answered ")}`;
}

function counted(level: Level, count: number): string {
  if (level === "broken") return `${count} ${count === 1 ? "thing is" : "things are"} broken`;
  return `${count} ${level}${count === 1 ? "" : "s"}`;
}

/** The shape of --json. */
export function reportJson(reports: readonly Report[]): object {
  const broken = reports.flatMap(({ findings }) => findings).filter(({ level }) => level === "broken").length;
  return { version: 1, broken, patients: reports };
}
