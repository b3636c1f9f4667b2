/** Which failures of a service are laid to its unit, and which are not. */
import { describe, expect, test } from "@jest/globals";
import { blameUnit, type UnitLag } from "../../src/diagnosis/unit-lag.ts";
import { type ErrorCode, FcgiPmError } from "../../src/errors.ts";

const remedy = "fcgi-pm install --now --config /etc/fcgi-pm/fcgi-pm.toml";

function lag(...settings: string[]): UnitLag {
  return { unit: "fcgi-pm.service", settings, lines: [], remedy };
}

function blame(code: ErrorCode, unit: UnitLag | undefined): { message: string; remedy: string; code: string } {
  const { message, remedy, code: told } = blameUnit(new FcgiPmError(code, "Cannot do it"), unit) as FcgiPmError;
  return { message, remedy, code: told };
}

describe("blameUnit()", () => {
  test.each<readonly [ErrorCode, string]>([
    ["FCGI_PM_USER_FORBIDDEN", "User="],
    ["FCGI_PM_PORT_FORBIDDEN", "CapabilityBoundingSet="],
    ["FCGI_PM_SOCKET_FORBIDDEN", "ReadWritePaths="],
    ["FCGI_PM_LOG_UNWRITABLE", "LogsDirectory="],
    ["FCGI_PM_PROGRAM_MISSING", "PrivateTmp="],
    ["FCGI_PM_PROGRAM_WRONG", "ProtectHome="],
    ["FCGI_PM_CONFIG_UNREADABLE", "ProtectHome="],
  ])("%s is laid to a changed %s and to no other setting", (code, setting) => {
    expect(blame(code, lag("TimeoutStopSec=", setting))).toEqual({
      message: `Cannot do it. fcgi-pm.service is not up to date (${setting}), which may be why`,
      remedy,
      code,
    });
  });

  test("what no setting of the unit explains stays as it is, remedy included", () => {
    const error = new FcgiPmError("FCGI_PM_PORT_IN_USE", "Cannot listen");
    expect(blameUnit(error, lag("User=", "ReadWritePaths="))).toBe(error);
    const forbidden = new FcgiPmError("FCGI_PM_USER_FORBIDDEN", "Cannot run workers");
    expect(blameUnit(forbidden, lag("LimitNOFILE="))).toBe(forbidden);
    expect(blameUnit(forbidden, undefined)).toBe(forbidden);
    const bug = new Error("not ours");
    expect(blameUnit(bug, lag("User="))).toBe(bug);
  });

  test("a unit that was changed after the start explains what any of its settings could", () => {
    const restart = { ...lag(), remedy: "systemctl restart fcgi-pm.service" };
    expect(blame("FCGI_PM_SOCKET_FORBIDDEN", restart)).toMatchObject({
      message: "Cannot do it. fcgi-pm.service has changed since it was started, which may be why",
      remedy: "systemctl restart fcgi-pm.service",
    });
    const taken = new FcgiPmError("FCGI_PM_PORT_IN_USE", "Cannot listen");
    expect(blameUnit(taken, restart)).toBe(taken);
  });

  test("what came of the command for each app is not lost on the way", () => {
    const details = [{ app: "blog" }];
    const error = new FcgiPmError("FCGI_PM_SOCKET_FORBIDDEN", "Cannot listen", { details });
    expect((blameUnit(error, lag("User=")) as FcgiPmError).details).toEqual(details);
  });
});
