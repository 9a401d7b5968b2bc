/** SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side, by Web Crypto. */

const encoder = new TextEncoder();

/** One login. The server proves, too, that it knows the password. */
export class Scram {
  /** What is sent first. PostgreSQL takes the user's name from its own start-up message. */
  readonly first: string;
  readonly #password: string;
  readonly #nonce: string;
  #serverSignature = "";

  constructor(password: string) {
    this.#password = password;
    this.#nonce = toBase64(crypto.getRandomValues(new Uint8Array(18)));
    this.first = `n,,n=,r=${this.#nonce}`;
  }

  /** The answer to the server's challenge. */
  async final(serverFirst: string): Promise<string> {
    const { r: nonce = "", s: salt = "", i: iterations = "" } = attributes(serverFirst);
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw new Error("the server's nonce is not ours");
    const withoutProof = `c=${toBase64(encoder.encode("n,,"))},r=${nonce}`;
    const message = `${this.first.slice(3)},${serverFirst},${withoutProof}`;

    const salted = await saltPassword(this.#password, fromBase64(salt), Number(iterations));
    const clientKey = await hmac(salted, "Client Key");
    const storedKey = new Uint8Array(await crypto.subtle.digest("SHA-256", clientKey));
    const clientSignature = await hmac(storedKey, message);
    const serverKey = await hmac(salted, "Server Key");
    this.#serverSignature = toBase64(await hmac(serverKey, message));
    const proof = clientKey.map((byte, at) => byte ^ (clientSignature[at] ?? 0));
    return `${withoutProof},p=${toBase64(proof)}`;
  }

  /** Checks that the server knows the password. */
  verify(serverFinal: string): void {
    const { v: signature, e: error } = attributes(serverFinal);
    if (error !== undefined) throw new Error(`the server refuses the login: ${error}`);
    if (signature !== this.#serverSignature) throw new Error("the server does not know the password");
  }
}

/** `r=…,s=…,i=4096` by name. */
function attributes(message: string): Partial<Record<string, string>> {
  return Object.fromEntries(message.split(",").map((part) => [part.slice(0, 1), part.slice(2)]));
}

async function saltPassword(
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<Uint8Array<ArrayBuffer>> {
  // Names and passwords beyond ASCII would have to pass SASLprep, RFC 4013; NFKC is most of it.
  const secret = encoder.encode(password.normalize("NFKC"));
  const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, key, 256),
  );
}

async function hmac(secret: Uint8Array<ArrayBuffer>, message: string): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(message)));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
}
