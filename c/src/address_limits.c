/* address_limits.c: what a listener grants each peer address. A program that never calls this is linked without the
 * table of addresses of the core. */
#include "handles.h"

enum { LISTENERS = 1u << TW_KIND_LISTENER };

int32_t tw_net_set_address_limits(int32_t listener, const tw_address_limits *limits) {
  static const tw_address_limits none;
  tw_handles *handles = tw_handles_current();
  if (tw_handles_owned(handles, listener, LISTENERS) == NULL)
    return TW_NONE;
  if (limits == NULL)
    limits = &none;
  return tw_handles_result(twc_set_address_limits(handles->core, listener, limits->connections,
                                                  limits->handshakes_per_second, limits->messages_per_second));
}

int32_t tw_net_address_stats(int32_t listener, tw_address_stats *stats) {
  tw_handles *handles = tw_handles_current();
  if (tw_handles_owned(handles, listener, LISTENERS) == NULL)
    return TW_NONE;
  if (stats == NULL)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  return tw_handles_result(twc_address_stats(handles->core, listener, stats));
}
