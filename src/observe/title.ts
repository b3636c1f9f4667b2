/** How the manager calls itself in the process list. */

/**
 * `fcgi-pm: manager [blog, shop]` in at most `room` bytes: Linux gives a process no more for its title than its command
 * line took at the start. What does not fit is counted.
 */
export function managerTitle(apps: readonly string[], room: number): string {
  for (let shown = apps.length; shown > 0; shown -= 1) {
    const more = apps.length > shown ? [`+${apps.length - shown}`] : [];
    const title = `fcgi-pm: manager [${[...apps.slice(0, shown), ...more].join(", ")}]`;
    if (title.length <= room) return title;
  }
  return "fcgi-pm: manager";
}
