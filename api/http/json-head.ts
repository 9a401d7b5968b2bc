import { dateNow, reasonOf } from "./reasons.ts";

/** Fields that `jsonHead` has. */
export const JSON_FIELDS = 2;

const heads = new Map<number, string>();
let date = "";

/** The head of a response that has nothing but JSON, as the wall takes it. Most responses are alike for a second. */
export function jsonHead(status: number): string {
  const now = dateNow();
  if (now !== date) {
    date = now;
    heads.clear();
  }
  let head = heads.get(status);
  if (head === undefined) {
    head = `${reasonOf(status)}\0content-type\0application/json\0date\0${date}\0`;
    heads.set(status, head);
  }
  return head;
}
