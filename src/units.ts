/** What people write for times, sizes and modes, to numbers and back. */

const durationUnits: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** `"250ms"`, `"5s"`, `"1.5m"`, `"0"` to milliseconds; undefined for anything else. A bare number has no unit and is refused. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const factor = durationUnits.get(match?.[2] ?? "");
  return factor === undefined ? undefined : Math.round(Number(match?.[1]) * factor);
}

/** Milliseconds as a person writes them: `1500` is `1.5s`. */
export function formatDuration(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.round(ms)}ms`;
  if (round(ms / 1000) < 60) return `${round(ms / 1000)}s`;
  if (round(ms / 60_000) < 60) return `${round(ms / 60_000)}m`;
  return round(ms / 3_600_000) < 24 ? `${round(ms / 3_600_000)}h` : `${round(ms / 86_400_000)}d`;
}

/** To one decimal. Rounded before it is compared: 59.99 s are `1m`, not `60s`. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const sizeUnits = "KMGT";

/** `"64M"`, `"512K"`, `"1G"`, `"4096"` to bytes; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)([KMGT]?)$/i.exec(text);
  if (match === null) return undefined;
  const power = match[2] === "" ? 0 : sizeUnits.indexOf(String(match[2]).toUpperCase()) + 1;
  const bytes = Number(match[1]) * 1024 ** power;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes as a person writes them: `67108864` is `64M`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (round(value) >= 1024 && power < sizeUnits.length) {
    value /= 1024;
    power += 1;
  }
  return `${round(value)}${power === 0 ? "" : sizeUnits[power - 1]}`;
}

/** `"0660"` to 0o660; undefined for anything else. */
export function parseMode(text: string): number | undefined {
  return /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}
