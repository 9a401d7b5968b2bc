/** The longest time that setInterval keeps: it takes 31 bits. */
const LONGEST = 2_147_483_647;

/** Keeps the process alive in the stead of sockets that can't be told not to once they read. */
export class Hold {
  #timer: NodeJS.Timeout | undefined;

  set(on: boolean): void {
    clearInterval(this.#timer);
    this.#timer = on ? setInterval(() => {}, LONGEST) : undefined;
  }
}
