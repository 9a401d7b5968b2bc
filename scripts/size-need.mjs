// How much memory the core asks for on a device: twc_need knows, and has to be asked on the device.

import { capture } from "./capture.mjs";
import { imageOf } from "./targets.mjs";

/** { arena, socket, ... }: the numbers of test/targets/need.c. */
export async function needOf({ name }) {
  const image = imageOf(name, "need", ["test/targets/need.c"]);
  const wrong = await image.build();
  if (wrong !== undefined) throw new Error(wrong);
  const { status, output } = await capture(image.program, image.args, { seconds: 60 });
  const lines = output.split(/\r?\n/).map((line) => /^([\w-]+) (\d+)$/.exec(line));
  const numbers = Object.fromEntries(lines.filter((match) => match).map(([, key, number]) => [key, Number(number)]));
  if (status !== 0 || !numbers.arena) throw new Error(`the image for ${name} failed:\n${output}`);
  return numbers;
}
