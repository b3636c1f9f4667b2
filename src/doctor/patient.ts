/** Who is examined, and what the examinations of this room have in common. */
import type { App } from "../config/app.ts";
import type { ControlClient } from "../control/client.ts";
import type { Finding } from "../diagnosis/finding.ts";
import type { Address } from "../fastcgi/address.ts";
import type { Plan } from "../manager/plan.ts";
import type { AppStatus, ManagerStatus } from "../observe/status.ts";

/** One app, program or socket. */
export interface Patient {
  /** The app's name; of a socket that is nobody's app its address. */
  readonly name: string;
  /** Absent: a socket of somebody else's, or a running app that was started from flags. */
  readonly app: App | undefined;
  /** Absent where the app cannot be planned, or there is none. */
  readonly plan: Plan | undefined;
  /** The config that the app stands in; absent for an app from flags. */
  readonly configFile: string | undefined;
  /** Where clients connect; absent for an app without a listener. */
  readonly address: Address | undefined;
  /** Absent where no manager has this app. */
  readonly running: Running | undefined;
  readonly wish: Wish;
  readonly journal: Journal;
}

/** A manager that has the app, as it answered. */
export interface Running {
  readonly status: AppStatus;
  readonly manager: ManagerStatus;
  readonly client: ControlClient;
}

/** A site as its visitors name it: many applications answer under their own name only. */
export interface Site {
  /** `https://example.org`. */
  readonly origin: string;
  readonly https: boolean;
  /** With the port, if it is not the usual one. */
  readonly host: string;
  readonly serverName: string;
  readonly serverPort: number;
}

/** What the doctor is told beside the patient. */
export interface Wish {
  /** What is asked of the app: a path with its query. */
  readonly uri: string;
  /** The site that is asked for it; absent: http://localhost. */
  readonly site?: Site | undefined;
  /** How long an answer may take: the idle timeout of the web server. */
  readonly timeoutMs: number;
  readonly as: "nginx" | "apache" | "lighttpd";
  /** Absent: whoever the web server of this machine is. */
  readonly webUser: string | undefined;
  /** The body of a POST; absent: GET. */
  readonly data: string | undefined;
  readonly root: string | undefined;
  readonly scriptFilename: string | undefined;
}

/** What is told while the doctor is at work. */
export interface Journal {
  /** What is waited for now: for a person at a terminal. */
  say(text: string): void;
  /** What was tried and what came of it: for the report. */
  tried(text: string): void;
  /** Aborted by Ctrl-C: everything that was started is to be ended. */
  readonly signal: AbortSignal;
}

/** Gives its own findings, the worst first. Throws only where it cannot do its work. */
export type Examination = (patient: Patient) => Promise<Finding[]>;
