/* texts.c: words for numbers, in a file of its own so that a device without use for them has no need of their memory.
 */
#include "twinwire/host.h"

static const struct {
  const char *name;
  const char *text;
  const char *advice;
} errors[] = {
#define ERROR(name, value, text, advice) [-(value)] = {#name, text, advice},
    TW_ERRORS_LIST(ERROR)
#undef ERROR
};

enum { PREFIX = sizeof("TW_") - 1, COUNT = sizeof errors / sizeof *errors };

static bool is_error(int32_t error) { return error < 0 && error > -COUNT && errors[-error].name != NULL; }

const char *tw_error_name(int32_t error) { return is_error(error) ? errors[-error].name + PREFIX : ""; }
const char *tw_error_text(int32_t error) { return is_error(error) ? errors[-error].text : ""; }
const char *tw_error_advice(int32_t error) { return is_error(error) ? errors[-error].advice : ""; }
