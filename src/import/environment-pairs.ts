/** supervisord's `environment=A="1",B=2`, token by token as Python's shlex reads it there. */

const wordChars = /[A-Za-z0-9_/.+\-():]/;

/** The pairs in order, or why supervisord refuses them. */
export function parsePairs(text: string): (readonly [string, string])[] | string {
  const tokens = tokensOf(text);
  if (tokens === undefined) return "a quote is not closed";
  const pairs: (readonly [string, string])[] = [];
  // The fourth token is taken for the comma, whatever it is: so does supervisord.
  for (let at = 0; at < tokens.length; at += 4) {
    const [name, equals, value] = tokens.slice(at, at + 3);
    if (name === undefined || equals !== "=" || value === undefined) return "expected KEY=value pairs with commas";
    pairs.push([name, value.replace(/^['"]+|['"]+$/g, "")]);
  }
  return pairs;
}

/** shlex.shlex(text) in its old, non-POSIX manner: quotes stay in the token, backslashes mean nothing. */
function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (/[ \t\r\n]/.test(char)) at += 1;
    else if (char === "#") at = lineEnd(text, at);
    else if (char === '"' || char === "'") {
      const end = text.indexOf(char, at + 1);
      if (end === -1) return undefined;
      tokens.push(text.slice(at, end + 1));
      at = end + 1;
    } else if (wordChars.test(char)) {
      const word = readWord(text, at);
      tokens.push(word.text);
      at = word.end;
    } else {
      tokens.push(char);
      at += 1;
    }
  }
  return tokens;
}

/** A word goes on over quotes and over comments, up to a blank or another sign. */
function readWord(text: string, start: number): { text: string; end: number } {
  let word = "";
  let at = start;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === "#") {
      at = lineEnd(text, at);
      continue;
    }
    if (!wordChars.test(char) && char !== '"' && char !== "'") break;
    word += char;
    at += 1;
  }
  return { text: word, end: at };
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end === -1 ? text.length : end + 1;
}
