/** The few of many things that are needed. */
import { describe, expect, test } from "@jest/globals";
import { minimal } from "../../src/diagnosis/minimal.ts";
import fc from "../helpers/chance.ts";

const all = Array.from({ length: 40 }, (_, index) => index);

/** Counts how often it is asked. */
function needing(needed: readonly number[]) {
  let questions = 0;
  const isEnough = async (some: readonly number[]) => {
    questions += 1;
    return needed.every((one) => some.includes(one));
  };
  return { isEnough, questions: () => questions };
}

describe("minimal()", () => {
  test("finds exactly what is needed, whatever that is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(all, { minLength: 1, maxLength: 5 }), async (needed) => {
        const found = await minimal(all, needing(needed).isEnough);
        expect(found.toSorted((one, other) => one - other)).toEqual(needed);
      }),
    );
  });

  test("asks some twelve times for one of forty things", async () => {
    const one = needing([31]);
    expect(await minimal(all, one.isEnough)).toEqual([31]);
    expect(one.questions()).toBeLessThanOrEqual(12);
  });
});
