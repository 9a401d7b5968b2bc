#!/bin/sh
# Deno, with the arguments of Node that tests start programs with.
case "$*" in
  "--input-type=module -e "*) shift 2; exec "$DENO" eval "$@" ;;
  "-e "*) shift; exec "$DENO" eval "$@" ;;
  "run "*) exec "$DENO" "$@" ;;
  *) exec "$DENO" run -A "$@" ;;
esac
