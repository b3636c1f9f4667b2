/** The key table as documents: the JSON schema for editors and the page docs/configuration.md. No program imports this file. */
import { toJSONSchema } from "zod/mini";
import { formatSize } from "../units.ts";
import { formatTable } from "./docs-table.ts";
import { chapters, groupTexts, introduction, kindTexts } from "./docs-text.ts";
import { notOfExternal } from "./external.ts";
import { valueOfFlag } from "./flags.ts";
import type { Key, NamedKey } from "./key.ts";
import { flagOf, listKeys } from "./key.ts";
import { appKeys, fileKeys, managerKeys } from "./keys.ts";
import { namePattern } from "./read-app.ts";
import { ofListener, ofOutputFile, ofSocket, ofWsgi } from "./rules.ts";
import { schemaOf } from "./schema.ts";

type Schema = Record<string, unknown>;

/** The JSON schema (draft 2020-12) of a config file, main or included. */
export function jsonSchema(): object {
  const shared = Object.fromEntries(Object.entries<Key>(appKeys).filter(([, key]) => key.own !== true));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "fcgi-pm",
    description: "The config file of fcgi-pm, a FastCGI process manager.",
    ...tableSchema(fileKeys, {
      manager: { description: "The manager itself.", ...tableSchema(managerKeys), not: journalAndFile },
      defaults: { description: "What holds for every app that says nothing else.", ...tableSchema(shared) },
      apps: {
        description: "The apps, each a table [apps.NAME].",
        type: "object",
        minProperties: 1,
        propertyNames: { pattern: namePattern.source },
        additionalProperties: { $ref: "#/$defs/app" },
      },
    }),
    $defs: { app: appSchema() },
  };
}

/** What goes to journald goes to no file. */
const journalAndFile: Schema = {
  properties: { "log-format": { const: "journal" } },
  required: ["log-format", "log-file"],
};

/** The page docs/configuration.md. */
export function configurationDoc(): string {
  const keys = [...listKeys(appKeys), ...listKeys(managerKeys), ...listKeys(fileKeys)];
  const groups = [...new Set(keys.map((key) => key.group))];
  const tables = groups.map((group) =>
    groupSection(
      group,
      keys.filter((key) => key.group === group),
    ),
  );
  return `${[introduction, ...tables, ...chapters].join("\n\n")}\n`;
}

const isExternal: Schema = { properties: { external: { const: true } }, required: ["external"] };

function appSchema(): Schema {
  return {
    description:
      "One app: a program or a WSGI application, its listener and its workers; or where an external one listens.",
    ...tableSchema(appKeys),
    anyOf: [{ required: ["command"] }, { required: ["wsgi"] }, isExternal],
    dependentRequired: {
      "allowed-clients": ["port"],
      ...needing("output-file", ofOutputFile),
      ...needing("wsgi", ofWsgi),
    },
    allOf: [
      { not: { required: ["command", "wsgi"] } },
      { not: { required: ["socket", "port"] } },
      excluding({ required: ["port"] }, ofSocket),
      excluding({ properties: { listen: { const: false } }, required: ["listen"] }, [...ofListener, "wsgi"]),
      excluding(isExternal, notOfExternal),
      { anyOf: [{ not: isExternal }, { required: ["socket"] }, { required: ["port"] }] },
    ],
  };
}

function needing(needed: string, keys: readonly string[]): Schema {
  return Object.fromEntries(keys.map((key) => [key, [needed]]));
}

function excluding(condition: Schema, keys: readonly string[]): Schema {
  return { anyOf: [{ not: condition }, { properties: Object.fromEntries(keys.map((key) => [key, false])) }] };
}

function tableSchema(keys: Readonly<Record<string, Key>>, tables: Schema = {}): Schema {
  const properties = Object.fromEntries(listKeys(keys).map((key) => [key.name, keySchema(key)]));
  return { type: "object", properties: { ...properties, ...tables }, additionalProperties: false };
}

function keySchema(key: NamedKey): Schema {
  const { $schema: _, ...schema } = toJSONSchema(schemaOf(key), { io: "input" });
  const described = { description: describeKey(key), ...schema };
  return key.default === undefined
    ? described
    : { ...described, default: valueOfFlag(key, key.default, () => undefined) };
}

function describeKey(key: Key): string {
  return key.otherwise === undefined ? key.description : `${key.description} Default: ${key.otherwise}.`;
}

function groupSection(group: string, keys: readonly NamedKey[]): string {
  const rows = keys.map((key) => [`\`${key.name}\``, valueText(key), defaultText(key), key.description, flagText(key)]);
  const head = ["key", "value", "default", "meaning", "flag of `start`"];
  return [`## ${group}`, "", groupTexts[group], "", formatTable(head, rows)].join("\n");
}

function defaultText(key: Key): string {
  return key.default === undefined ? (key.otherwise ?? "none") : `\`${key.default}\``;
}

function valueText(key: Key): string {
  if (key.kind === "integer") return `whole number, ${key.min} to ${key.max}`;
  return key.kind === "size" ? `size, at least ${formatSize(key.min ?? 0)}` : kindTexts[key.kind];
}

function flagText(key: NamedKey): string {
  if (key.name === "command") return "the arguments";
  if (key.group === "File" || key.name === "external") return "none";
  return `\`${flagOf(key)}\`${key.repeats === true ? ", may repeat" : ""}`;
}
