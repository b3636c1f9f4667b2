/** The numbers of the FastCGI 1.0 specification, each with the section that defines it. */

/** The only protocol version there is (3.3). */
export const protocolVersion = 1;

/** Every record starts with so many bytes (3.3). */
export const headerLength = 8;

/** contentLength is a 16-bit number (3.3). */
export const maxContentLength = 65_535;

/** paddingLength is an 8-bit number (3.3). */
export const maxPaddingLength = 255;

/** The longest record the format allows: header, content and padding. */
export const maxRecordLength = headerLength + maxContentLength + maxPaddingLength;

/** Records are padded to a multiple of this (3.3 recommends 8). */
export const alignment = 8;

/** The most content a record can have without needing padding: where we cut streams. */
export const maxAlignedContentLength = maxContentLength - (maxContentLength % alignment);

/** Request ids are 16-bit numbers; 0 is for management records (3.3). */
export const managementId = 0;
export const maxRequestId = 65_535;

/** What a record is (8, "Types and Constants"). */
export const recordType = {
  beginRequest: 1,
  abortRequest: 2,
  endRequest: 3,
  params: 4,
  stdin: 5,
  stdout: 6,
  stderr: 7,
  data: 8,
  getValues: 9,
  getValuesResult: 10,
  unknownType: 11,
} as const;

/** What the web server asks the application to be (5.1, 6). */
export const role = { responder: 1, authorizer: 2, filter: 3 } as const;
export type Role = (typeof role)[keyof typeof role];

/** How the application ends a request (5.5). */
export const protocolStatus = { requestComplete: 0, cannotMultiplex: 1, overloaded: 2, unknownRole: 3 } as const;

/** FCGI_KEEP_CONN, a bit in the flags of FCGI_BEGIN_REQUEST (5.1). */
export const keepConnectionFlag = 1;

/** The content of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE has this length (5.1, 5.5, 4.2). */
export const fixedBodyLength = 8;

/** A length of a name or value below this takes one byte, any other takes four (3.4). */
export const shortLengthLimit = 128;

/** Names that FCGI_GET_VALUES may ask for (4.1). */
export const valueName = {
  maxConnections: "FCGI_MAX_CONNS",
  maxRequests: "FCGI_MAX_REQS",
  multiplexes: "FCGI_MPXS_CONNS",
} as const;

/** The names of protocol statuses as people write them; a number that has none is written as a number. */
export function nameProtocolStatus(status: number): string {
  const names = ["REQUEST_COMPLETE", "CANT_MPX_CONN", "OVERLOADED", "UNKNOWN_ROLE"];
  return names[status] ?? String(status);
}
