/** The chunked coding of HTTP/1.1 (RFC 9112, 7.1), taken off again: an application may have set it, and CGI does not know it. Pure. */

const nothing = new Uint8Array(0);

/** Takes the bytes of a chunked body, cut anywhere; gives its content. Trailers are dropped, for CGI has no place for them. */
export class Dechunker {
  /** A line that is not complete: a chunk's size, or the end of its data. */
  #line = "";
  /** Bytes of the chunk that have not come. */
  #left = 0;
  /** The chunk of size zero has come: what follows are trailers. */
  #isOver = false;

  push(bytes: Uint8Array): Uint8Array[] {
    const content: Uint8Array[] = [];
    let rest = bytes;
    while (rest.length > 0 && !this.#isOver) {
      if (this.#left === 0) {
        rest = this.#readLine(rest);
      } else {
        content.push(rest.subarray(0, this.#left));
        const taken = Math.min(this.#left, rest.length);
        this.#left -= taken;
        rest = rest.subarray(taken);
      }
    }
    return content;
  }

  /** The empty line behind a chunk's data is skipped; any other is the size of the next. */
  #readLine(bytes: Uint8Array): Uint8Array {
    const end = bytes.indexOf(0x0a);
    const part = end < 0 ? bytes : bytes.subarray(0, end);
    this.#line += Buffer.from(part).toString("latin1");
    if (end < 0) return nothing;
    const line = this.#line.trim();
    this.#line = "";
    if (line === "") return bytes.subarray(end + 1);
    this.#left = Number.parseInt(line, 16);
    // What is no size cannot come from node:http; the application wrote it, and nothing after it makes sense.
    this.#isOver = !(this.#left > 0);
    return bytes.subarray(end + 1);
  }
}
