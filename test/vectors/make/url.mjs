import { badUrls } from "./url-bad.mjs";
import { goodUrls } from "./url-good.mjs";

export const url = () => ({
  suite: "url",
  source: "RFC 3986 3, RFC 6455 3; Node's URL agrees where the two have the same notions",
  cases: [...goodUrls, ...badUrls],
});
