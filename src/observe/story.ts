/** What is told as it happens: a worker's lines and the manager's notices, as `logs` and `events` give them. */

/** One line of `logs`: what a worker wrote, or a notice about its app. */
export interface LogLine {
  /** ISO 8601. */
  readonly time: string;
  readonly app: string;
  /** Absent for notices about the app as a whole. */
  readonly worker?: number;
  readonly pid?: number;
  /** Absent for a notice. */
  readonly stream?: "stdout" | "stderr";
  /** The type of a notice; absent for a worker's line. */
  readonly notice?: string;
  readonly text: string;
}

/** One line of `events`: a notice with its fields. */
export interface EventLine {
  /** ISO 8601. */
  readonly time: string;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly notice: string;
  /** Absent for notices about the manager. */
  readonly app?: string;
  readonly worker?: number;
  /** The sentence. */
  readonly msg: string;
  readonly [field: string]: unknown;
}
