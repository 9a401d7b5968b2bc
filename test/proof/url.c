/* url.c: the URL parser on arbitrary bytes. */
#include "any.h"
#include "twinwire/core.h"

enum { SIZE = 10 };

int main(void) {
  char bytes[SIZE];
  tw_url url;
  any_bytes((uint8_t *)bytes, SIZE);
  twc_url_parse(bytes, any_up_to(SIZE), &url);
  return 0;
}
