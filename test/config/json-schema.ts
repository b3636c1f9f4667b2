/** As much of JSON schema (draft 2020-12) as ours uses. A word that it does not know is an error, so that nothing passes unread. */

type Schema = { readonly [word: string]: unknown };
type Check = (operand: never, value: unknown, schema: Schema, root: Schema) => boolean;

const checks: { readonly [word: string]: Check } = {
  $ref: (name: string, value, _, root) => isValid((root["$defs"] as Schema)[name.replace("#/$defs/", "")], value, root),
  type: (type: string, value) => typeOf(value) === type || (type === "number" && typeOf(value) === "integer"),
  enum: (values: unknown[], value) => values.includes(value),
  const: (constant: unknown, value) => value === constant,
  pattern: (pattern: string, value) => typeof value !== "string" || new RegExp(pattern, "u").test(value),
  minimum: (least: number, value) => typeof value !== "number" || value >= least,
  maximum: (most: number, value) => typeof value !== "number" || value <= most,
  minItems: (least: number, value) => !Array.isArray(value) || value.length >= least,
  minProperties: (least: number, value) => !isObject(value) || Object.keys(value).length >= least,
  items: (schema, value, _, root) => !Array.isArray(value) || value.every((item) => isValid(schema, item, root)),
  required: (names: string[], value) => !isObject(value) || names.every((name) => Object.hasOwn(value, name)),
  propertyNames: (schema, value, _, root) =>
    !isObject(value) || Object.keys(value).every((name) => isValid(schema, name, root)),
  properties: (schemas: Schema, value, _, root) =>
    !isObject(value) ||
    Object.entries(schemas).every(
      ([name, schema]) => !Object.hasOwn(value, name) || isValid(schema, value[name], root),
    ),
  additionalProperties: (schema, value, { properties = {} }, root) =>
    !isObject(value) ||
    Object.keys(value).every((name) => Object.hasOwn(properties as object, name) || isValid(schema, value[name], root)),
  dependentRequired: (needs: Record<string, string[]>, value) =>
    !isObject(value) ||
    Object.entries(needs).every(
      ([name, others]) => !Object.hasOwn(value, name) || others.every((other) => Object.hasOwn(value, other)),
    ),
  not: (schema, value, _, root) => !isValid(schema, value, root),
  allOf: (schemas: unknown[], value, _, root) => schemas.every((schema) => isValid(schema, value, root)),
  anyOf: (schemas: unknown[], value, _, root) => schemas.some((schema) => isValid(schema, value, root)),
};

const silent = new Set(["$schema", "$defs", "title", "description", "default"]);

/** Does the value conform to the schema? */
export function isValid(schema: unknown, value: unknown, root: Schema = schema as Schema): boolean {
  if (typeof schema === "boolean") return schema;
  return Object.entries(schema as Schema).every(([word, operand]) => {
    if (silent.has(word)) return true;
    const check = checks[word];
    if (check === undefined) throw new Error(`The schema has a word that this test does not know: ${word}`);
    return check(operand as never, value, schema as Schema, root);
  });
}

function typeOf(value: unknown): string {
  if (Number.isInteger(value)) return "integer";
  if (Array.isArray(value)) return "array";
  return isObject(value) ? "object" : typeof value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
