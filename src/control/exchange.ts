/** One request to a manager: the answer as it begins, or what was wrong on the way, in words. */
import { lstatSync, type Stats } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { FcgiPmError, isErrorCode } from "../errors.ts";
import { longestSocketPath } from "../supervision/socket.ts";
import type { AppOutcome, ErrorAnswer } from "./protocol.ts";

export interface ExchangeOptions {
  readonly socketPath: string;
  readonly method: "GET" | "POST";
  /** With its parameters. */
  readonly target: string;
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves when a good answer begins. What the manager says is wrong is thrown as it says it. */
export async function exchange(options: ExchangeOptions): Promise<IncomingMessage> {
  const { socketPath } = options;
  // Node would cut a longer one short and ask whoever listens there.
  if (Buffer.byteLength(socketPath) > longestSocketPath) throw explain({ code: "ENOENT" }, socketPath);
  const incoming = await send(options);
  if (incoming.statusCode === 200) return incoming;
  throw failureIn(await readJson(incoming, socketPath), socketPath);
}

/** The rest of an answer that is JSON. */
export async function readJson(incoming: IncomingMessage, socketPath: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch (error) {
    throw lost(socketPath, error);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw strange(socketPath);
  }
}

function send({ socketPath, method, target, body, signal }: ExchangeOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "Content-Type": "application/json" };
    const asking = httpRequest({
      socketPath,
      method,
      path: target,
      headers,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    asking.once("response", resolve);
    asking.on("error", (error) => reject(explain(error, socketPath)));
    asking.end(text);
  });
}

/** The error that the manager answered. A code that we do not know is of a newer one: it is said with the message. */
function failureIn(answer: unknown, socketPath: string): FcgiPmError {
  if (!isErrorAnswer(answer)) return strange(socketPath);
  const { code, message, remedy, details = [] } = answer.error;
  if (isErrorCode(code)) return new FcgiPmError(code, message, { remedy, details });
  return new FcgiPmError("FCGI_PM_COMMAND_FAILED", `${message} (${code})`, { remedy, details });
}

function isErrorAnswer(answer: unknown): answer is ErrorAnswer {
  const { error } = Object(answer) as { error?: unknown };
  const { code, message, remedy, details = [] } = Object(error) as Record<string, unknown>;
  return [code, message, remedy].every((part) => typeof part === "string") && Array.isArray(details);
}

/** What came of the command for each app, where the error tells. */
export function outcomesIn(error: FcgiPmError): readonly AppOutcome[] {
  return error.details as readonly AppOutcome[];
}

/** What the system says of a connection, as an expected error. */
function explain(error: { readonly code?: string; readonly message?: string }, socketPath: string): FcgiPmError {
  switch (error.code) {
    case "ENOENT":
    case "ENOTDIR":
      return new FcgiPmError(
        "FCGI_PM_MANAGER_MISSING",
        `No manager listens at "${socketPath}": there is no such socket`,
      );
    case "ECONNREFUSED":
      return explainRefused(socketPath);
    case "EACCES":
    case "EPERM":
      return new FcgiPmError("FCGI_PM_CONTROL_FORBIDDEN", `Cannot open "${socketPath}": ${nameOwner(socketPath)}`);
    case "EAGAIN":
      return silent(socketPath, "it takes no more connections");
    default:
      return error.code?.startsWith("HPE_") === true ? strange(socketPath) : lost(socketPath, error);
  }
}

/** The system says the same of a dead socket and of what is no socket. */
function explainRefused(socketPath: string): FcgiPmError {
  if (lookUp(socketPath)?.isSocket() === false) {
    return new FcgiPmError("FCGI_PM_CONTROL_NOT_A_SOCKET", `No manager listens at "${socketPath}": it is no socket`);
  }
  const message = `No manager listens at "${socketPath}": the one that did has ended and left its socket there`;
  return new FcgiPmError("FCGI_PM_MANAGER_GONE", message);
}

function nameOwner(socketPath: string): string {
  const file = lookUp(socketPath);
  if (file !== undefined) return `it belongs to user ${file.uid}`;
  const directory = lookUp(dirname(socketPath));
  return directory === undefined ? "no right to look there" : `its directory belongs to user ${directory.uid}`;
}

/** Undefined as well where there is no right to look. */
export function lookUp(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** It is there, but says nothing. */
export function silent(socketPath: string, why: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_MANAGER_SILENT", `The manager at "${socketPath}" does not answer: ${why}`);
}

/** It was there. */
export function lost(socketPath: string, cause: unknown): FcgiPmError {
  const message = `The manager at "${socketPath}" has closed the connection before its answer was complete`;
  return new FcgiPmError("FCGI_PM_MANAGER_LOST", message, { cause });
}

/** Something else listens there, or a manager that we do not understand. */
export function strange(socketPath: string): FcgiPmError {
  return new FcgiPmError(
    "FCGI_PM_ANSWER_WRONG",
    `What listens at "${socketPath}" does not answer as a manager of this version does`,
  );
}
