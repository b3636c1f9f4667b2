/** Proves a resource by Kubernetes' own OpenAPI schema, as the package kubernetes-models has compiled it. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly [name: string]: unknown;
}

interface Validate {
  (data: unknown): boolean;
  readonly errors?: readonly { readonly instancePath: string; readonly message?: string; readonly keyword: string }[];
}

const load = createRequire(import.meta.url);
/** The models copy what they are given before they validate it; these do not. */
const schemas = join(dirname(load.resolve("kubernetes-models")), "_schemas");

/** What is wrong with it, a line each: values, fields that are missing, and fields that no version of the API has. */
export function complaintsOf(resource: Resource): string[] {
  const { validate } = load(join(schemas, `${schemaOf(resource)}.js`)) as { validate: Validate };
  const unread = new Set<string>();
  const isValid = validate(watched(resource, "", unread));
  const errors = isValid ? [] : (validate.errors ?? []);
  return [
    ...errors.map(({ instancePath, message, keyword }) => `${instancePath}: ${message ?? keyword}`),
    ...[...unread].map((path) => `${path}: there is no such field`),
  ];
}

/** `apps/v1` and `Deployment`: IoK8sApiAppsV1Deployment. */
function schemaOf({ apiVersion, kind }: Resource): string {
  const [group = "", version] = apiVersion.includes("/") ? apiVersion.split("/") : ["core", apiVersion];
  const capital = (word = "") => word.charAt(0).toUpperCase() + word.slice(1);
  return `IoK8sApi${capital(group.split(".")[0])}${capital(version)}${kind}`;
}

/**
 * The schema lets fields pass that it does not know, as it is for servers of many versions. But the compiled one reads
 * every field that it knows: what it has not read when it is done, it does not know.
 */
function watched<T>(value: T, path: string, unread: Set<string>): T {
  if (typeof value !== "object" || value === null) return value;
  const fields = new Map(
    Object.entries(value).map(([name, field]) => [name, watched(field, `${path}/${name}`, unread)]),
  );
  for (const name of fields.keys()) unread.add(`${path}/${name}`);
  return new Proxy(value, {
    get: (target, name, receiver) => {
      unread.delete(`${path}/${String(name)}`);
      return fields.get(String(name)) ?? Reflect.get(target, name, receiver);
    },
  });
}
