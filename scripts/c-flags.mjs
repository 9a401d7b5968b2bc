// The flags that test programs in C are compiled with.

import { warningFlags } from "../wasm/build/project.mjs";

/** Every warning is an error. */
export const strict = ["-std=c11", ...warningFlags, "-Werror"];

/** AddressSanitizer and UBSan, and the core's own assertions; the first report ends the program. */
export const sanitizers = [
  ...["-g", "-O1", "-fno-omit-frame-pointer", "-DTW_ASSERT"],
  ...["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
];
