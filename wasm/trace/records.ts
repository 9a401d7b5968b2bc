/** The records of the flight recorder: words of 32 bits. */

/**
 * What a record is: the low 8 bits of its word. A step has the index of its layout in the next 8 bits. The upper 16 have how many
 * events of the last `EVENTS` record had been delivered when it was made, so that the order of both is known.
 */
export const Kind = { STEP: 1, ACCEPTED: 2, WRITE: 3, ASKED: 4, EVENT: 5, BROADCAST: 6, EVENTS: 7 } as const;

/** Where these bits begin. */
export const DELIVERED_SHIFT = 16;

/**
 * Bits in the first word of an event record of an `EVENTS` record, beside its type: the event was delivered; its bytes are not in
 * the receive buffer, so that it has a record of its own when it is.
 */
export const Mark = { TYPE: 0x3fff, DELIVERED: 1 << 14, SEPARATE: 1 << 15 } as const;

/** Bytes in front of what a kind of record has for itself: size, kind, time, handle. */
export const HEADER = 16;

/** How the bytes of an event are stored. */
export const Form = { NONE: 0, COPY: 1, REFERENCE: 2 } as const;

/** The words of records. */
export const Field = {
  KIND: 1,
  MS: 2,
  HANDLE: 3,
  /** STEP: what the call returned, its arguments, and for each of their bytes the number that is stored and these bytes. */
  RESULT: 4,
  ARGS: 5,
  /** WRITE: bytes that were offered, taken, stored, and these. */
  SIZE: 4,
  TAKEN: 5,
  STORED: 6,
  BYTES: 7,
  /** ASKED: word and arguments as JSON. */
  TEXT_SIZE: 4,
  TEXT: 5,
  /**
   * EVENT: the event record; how its bytes are stored; their number, or where in the last delivery they are; the first four
   * of them, or in a dump the masking key.
   */
  RECORD: 4,
  FORM: 12,
  PLACE: 13,
  FIRST: 14,
  COPY: 15,
  /** EVENTS: the number of event records, these, and the first four bytes of each that has some there. */
  EVENT_COUNT: 3,
  EVENTS: 4,
  /** BROADCAST: handles that are stored, flags, size of the message, bytes of it that are stored, handles, results, bytes. */
  COUNT: 4,
  FLAGS: 5,
  WHOLE: 6,
  HELD: 7,
  HANDLES: 8,
} as const;
