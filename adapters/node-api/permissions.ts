/** What Deno asks its user for, as far as it is needed here. */
type Permission =
  | { readonly name: "read"; readonly path: string }
  | { readonly name: "env"; readonly variable: string };

interface DenoRuntime {
  readonly permissions: { querySync(permission: Permission): { readonly state: string } };
}

const { Deno } = globalThis as { Deno?: DenoRuntime };

/** Whether the program may do this without a question to the user. Only Deno restricts it. */
export function isPermitted(permission: Permission): boolean {
  return Deno === undefined || Deno.permissions.querySync(permission).state === "granted";
}
