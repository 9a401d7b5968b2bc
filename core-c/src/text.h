/* text.h: texts that the core keeps: host names, URLs, header fields (text.c). */
#ifndef TW_TEXT_H
#define TW_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "src/slot.h"

/* Appends to a chain of the text pool; false, with nothing changed, if it does not fit. */
bool twc_text_put(tw_core *core, tw_chain *chain, const void *text, uint32_t size);

/* Whether so many bytes fit into a new chain of the text pool. */
bool twc_text_fits(const tw_core *core, uint32_t size);

/* Whether a name or an address may go to the host's resolver: what no resolver takes is refused here. */
bool twc_text_is_host(const char *host, uint32_t size);

/* Whether it may be the path of a Unix socket. */
bool twc_text_is_path(const char *path, uint32_t size);

/* Writes a number in decimal (at most 10 digits) and returns their number. */
uint32_t twc_text_decimal(char *to, uint32_t number);

#endif
