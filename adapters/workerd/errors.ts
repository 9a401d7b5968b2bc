import { Errors } from "../../wasm/abi.gen.ts";

/** Returns the number in the error table of what workerd reported; it has messages only. */
export function errorNumber(error: unknown, isOpen: boolean, isSecure: boolean): number {
  const message = error instanceof Error ? error.message : String(error);
  if (/certificate|verif/i.test(message)) return Errors.ERR_TLS_UNTRUSTED.value;
  if (isSecure && !isOpen) return Errors.ERR_TLS.value;
  if (!isOpen) return Errors.ERR_REFUSED.value;
  return /lost|reset|disconnect|closed/i.test(message) ? Errors.ERR_RESET.value : Errors.ERR_HOST.value;
}
