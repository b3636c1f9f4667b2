/** Every message that is known, in the order in which they are tried: the first that fits counts. */
import { apacheMessages } from "./log-apache.ts";
import { apacheModuleMessages } from "./log-apache-modules.ts";
import { lighttpdMessages } from "./log-lighttpd.ts";
import type { LogMessage } from "./log-message.ts";
import { nginxMessages } from "./log-nginx.ts";
import { otherMessages, programMessages } from "./log-others.ts";

export const logMessages: readonly LogMessage[] = [
  ...programMessages,
  ...nginxMessages,
  ...apacheModuleMessages,
  ...apacheMessages,
  ...lighttpdMessages,
  ...otherMessages,
];

/** So much of a text is searched from each end: an app's words in a log may be long, and anybody's. */
const mostSearched = 4096;

export function messageIn(text: string): LogMessage | undefined {
  const searched =
    text.length <= 2 * mostSearched ? text : `${text.slice(0, mostSearched)}\n${text.slice(-mostSearched)}`;
  return logMessages.find(({ pattern }) => pattern.test(searched));
}
