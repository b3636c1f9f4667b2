/** `fcgi-pm request` and an application that says what a test wants it to say. */
import type { Socket } from "node:net";
import { afterEach } from "@jest/globals";
import { Undo } from "../fastcgi/peers.ts";
import { type Heard, type ScriptedApp, scriptedApp } from "../fastcgi/scripted-app.ts";
import type { Ended } from "../helpers/manager.ts";
import { type Stage, useStage } from "./stage.ts";

export type Script = (heard: Heard, socket: Socket) => unknown;

export interface Asking {
  readonly stage: Stage;
  readonly undo: Undo;
  /** An application that always says this. */
  application(says: Buffer | Script): Promise<ScriptedApp>;
  /** Runs `fcgi-pm request ARGS…` against such an application, to its end. */
  ask(says: Buffer | Script, ...args: string[]): Promise<Ended & { readonly app: ScriptedApp }>;
}

/** For each test of the file anew. */
export function useAsking(): Asking {
  const stage = useStage();
  const undo = new Undo();
  afterEach(() => undo.all());
  const application = (says: Buffer | Script) =>
    scriptedApp(undo, typeof says === "function" ? says : (_heard, socket) => socket.end(says));
  return {
    stage,
    undo,
    application,
    ask: async (says, ...args) => {
      const app = await application(says);
      return { ...(await stage.run("request", ...args, "--socket", app.path)), app };
    },
  };
}

export const hello = "Status: 200 Fine\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\nhello\n";
