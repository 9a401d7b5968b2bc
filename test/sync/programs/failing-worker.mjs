import "twinwire/sync-worker";

setTimeout(() => {
  throw new Error("by intention");
}, 300);
