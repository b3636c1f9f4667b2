/** Tables are asked for words that others have written: what every object has (`constructor`) is no entry. */

export function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
