export * from "../internal/arguments.ts";
