// Requests to the service that this page came from. What goes wrong is an Error with the service's own sentence.

const KEY = "dim_trt token";
const given = /^#token=(.+)$/.exec(location.hash);
if (given) {
  sessionStorage.setItem(KEY, decodeURIComponent(given[1]));
  history.replaceState(null, "", location.pathname);
}

export class Refused extends Error {
  constructor(status, sentence, retryAfter) {
    super(sentence);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export async function ask(method, path, { body, headers = {}, signal } = {}) {
  const token = sessionStorage.getItem(KEY);
  let response;
  try {
    response = await fetch(path, {
      method,
      body,
      signal,
      headers: token ? { ...headers, Authorization: `Bearer ${token}` } : headers,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, "The service cannot be reached: it was stopped, or the connection is lost.");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Refused(response.status, said.error ?? `The service answers ${response.status}.`, Number(response.headers.get("Retry-After")) || 1);
}

// What looks wrong with what was sent, and was taken all the same.
export const noteOf = (response) => decodeURIComponent(response.headers.get("X-Note") ?? "");

export function form(parts) {
  const made = new FormData();
  for (const [name, value] of Object.entries(parts)) if (value !== null && value !== undefined) made.append(name, value);
  return made;
}

const SMALL_BYTES = 1 << 16; // is sent sooner than deflated

// A body of bytes as they travel best, and the head that says so.
export async function packed(bytes) {
  if (bytes.length <= SMALL_BYTES) return { body: bytes, headers: {} };
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return { body: await new Response(stream).blob(), headers: { "Content-Encoding": "deflate" } };
}
