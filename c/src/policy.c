/* policy.c: to which addresses this thread's clients connect. A program that never calls this is linked without the
 * policies of the core. */
#include "handles.h"

static const tw_policy_ops ops = {.connect_tcp_allowed = twc_tcp_connect_allowed,
                                  .connect_ws_allowed = twc_ws_connect_allowed};

int32_t tw_net_set_policy(const char *policy) {
  tw_handles *handles = tw_handles_current();
  if (handles == NULL)
    return tw_handles_refuse(TW_ERR_STATE);
  handles->policy = policy;
  handles->policy_ops = &ops;
  return 0;
}
