/** For those who know curl: what to type for an option of curl's that `fcgi-pm request` does not have. */

const header = (line: string) => `-H '${line}'`;
const noLocation = "redirects are not followed: request the path of the Location header";
const noTls = "leave it out: there is no TLS between a web server and a program; a URL with https:// sets HTTPS=on";

/** By every name that the option has. */
const words: Readonly<Record<string, string>> = {
  ...forAll(["-A", "--user-agent"], header("User-Agent: NAME")),
  ...forAll(["-b", "--cookie"], header("Cookie: NAME=VALUE")),
  ...forAll(["-e", "--referer"], header("Referer: URL")),
  ...forAll(["-u", "--user"], `${header("Authorization: Basic …")}, or --param REMOTE_USER=NAME`),
  ...forAll(["--compressed"], header("Accept-Encoding: gzip")),
  ...forAll(["-r", "--range"], header("Range: bytes=0-99")),
  ...forAll(["-m", "--max-time"], "--timeout 5s"),
  ...forAll(["-w", "--write-out"], "--timing for the times, -i for the status, --json for all in one object"),
  ...forAll(["-f", "--fail"], "leave it out: the exit status is 4 for an HTTP status of 400 or more"),
  ...forAll(["-L", "--location"], noLocation),
  ...forAll(["-k", "--insecure"], noTls),
  ...forAll(["-T", "--upload-file"], "-X PUT --data-binary @FILE"),
  ...forAll(["--data-urlencode"], "-d with the value percent-encoded"),
  ...forAll(
    ["-F", "--form"],
    "--data-binary @FILE with a body that is made already, and -H 'Content-Type: multipart/form-data; boundary=…'",
  ),
  ...forAll(["--unix-socket", "--abstract-unix-socket"], "--socket PATH"),
  ...forAll(["--url"], "the URL without an option before it"),
  ...forAll(["-D", "--dump-header"], "-i, or --json"),
  ...forAll(["-N", "--no-buffer"], "leave it out: the body is printed as it comes"),
  ...forAll(["-O", "--remote-name"], "-o FILE"),
  ...forAll(["--trace", "--trace-ascii"], "-v shows every record"),
};

/** From the words of an error, such as `unknown option '-w'`. */
export function adviceOnCurl(message: string): string | undefined {
  const option = /unknown option '([^'=]+)/.exec(message)?.[1];
  return option === undefined ? undefined : words[option];
}

function forAll(names: readonly string[], advice: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, advice]));
}
