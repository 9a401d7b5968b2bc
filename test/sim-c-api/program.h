/* program.h: what the files of the application share. See program.c. */
#ifndef TEST_SIM_C_API_PROGRAM_H
#define TEST_SIM_C_API_PROGRAM_H

#include "api.h"

enum { LARGEST = 500, BODY = 900 }; /* bytes of a send, and of the body of an HTTP message, at most */

/* ---- program.c: handles from their first to their last event ---- */

/* Takes in a handle that was opened; NULL: it was not (below 0). The connections of an HTTP server end without an
 * event, so the place may be that of one. */
sim_handle *program_remember(sim_machine *m, int32_t handle, sim_role role);

void program_end_link(sim_handle *h);
void program_forget(sim_handle *h);

/* Closes a handle in one of the ways that there are. */
void program_close_handle(sim_machine *m, sim_handle *h);

/* ---- send.c ---- */

/* Sends what a handle of its role sends, if it can. */
void program_send_some(sim_machine *m, sim_handle *h);

/* Answers the request of a server's connection. */
void program_respond(sim_machine *m, sim_handle *h);

/* ---- listeners.c ---- */

void program_add_net_listeners(sim_machine *m, int32_t handle);
void program_add_ws_listeners(sim_machine *m, int32_t handle);
void program_add_accept_listener(sim_machine *m, int32_t handle);
void program_add_http_listeners(sim_machine *m, int32_t handle);

#endif
