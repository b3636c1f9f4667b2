/** Is what lies unread on a connection exactly one FastCGI request, from its first byte to its last? */
import { managementId, recordType, role } from "../fastcgi/wire/constants.ts";
import { RecordDecoder, type WireRecord } from "../fastcgi/wire/decoder.ts";
import { readBeginRequest } from "../fastcgi/wire/record.ts";

/**
 * Then the request before it is over, the program has read nothing of this one, and its web server has sent all of it.
 * Padding included: the next byte would be the first of another request.
 */
export function isWholeRequest(bytes: Uint8Array): boolean {
  const decoder = new RecordDecoder();
  const [begin, ...rest] = decoder.push(bytes);
  if (begin?.type !== recordType.beginRequest || begin.id === managementId || !decoder.isBetweenRecords) return false;
  if (readBeginRequest(begin.content)?.role !== role.responder) return false;
  const last = rest.pop();
  return last !== undefined && endsInput(last, begin.id) && rest.every((record) => isInput(record, begin.id));
}

function isInput(record: WireRecord, id: number): boolean {
  const { type } = record;
  return record.id === id && (type === recordType.params || (type === recordType.stdin && !endsInput(record, id)));
}

/** An empty FCGI_STDIN. */
function endsInput({ type, id, content }: WireRecord, request: number): boolean {
  return type === recordType.stdin && id === request && content.length === 0;
}
