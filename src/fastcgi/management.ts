/** Management records (FastCGI 1.0, 4): what a web server asks of us apart from any request. */
import type { ConnectionLimits } from "./limits.ts";
import { recordType, valueName } from "./wire/constants.ts";
import type { WireRecord } from "./wire/decoder.ts";
import { decodePairs, type ParamsFailure } from "./wire/params.ts";
import { getValuesResult, unknownType } from "./wire/record.ts";

/** The one record that answers. A type that we do not know is told to be unknown (4.2). */
export function answerManagement(record: WireRecord, limits: ConnectionLimits): Uint8Array | ParamsFailure {
  return record.type === recordType.getValues ? answerValues(record.content, limits) : unknownType(record.type);
}

/** What was asked for and is known (4.1). */
function answerValues(content: Uint8Array, limits: ConnectionLimits): Uint8Array | ParamsFailure {
  const asked = decodePairs(content);
  if (!asked.ok) return asked.failure;
  const names = new Set(asked.pairs.map(([name]) => name));
  return getValuesResult(knownValues(limits).filter(([name]) => names.has(name)));
}

function knownValues({ maxConnections, maxRequestsPerConnection }: ConnectionLimits): (readonly [string, string])[] {
  return [
    [valueName.maxConnections, String(maxConnections)],
    [valueName.maxRequests, String(maxConnections * maxRequestsPerConnection)],
    [valueName.multiplexes, "1"],
  ];
}
