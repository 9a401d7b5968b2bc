/* program.h: what the files of the application share. See program.c. */
#ifndef TEST_SIM_C_PROGRAM_H
#define TEST_SIM_C_PROGRAM_H

#include "sim.h"

enum { LARGEST = 500, BODY = 900 }; /* bytes of a send, and of the body of an HTTP message, at most */

/* ---- ends.c: handles from their first to their last event, and what a clean end means ---- */

/* Takes in a handle that was opened; NULL: it was not (below 0). */
sim_handle *program_remember(sim_machine *m, int32_t handle, sim_role role);

/* The connection of a handle has ended; with that of the peer, the two are compared. */
void program_end_link(sim_machine *m, sim_handle *h);

/* The last event of a handle has been emitted. */
void program_forget(sim_machine *m, sim_handle *h);

/* Closes a handle in one of the ways that there are. */
void program_close_handle(sim_machine *m, sim_handle *h);

/* ---- send.c ---- */

/* Sends what a handle of its role sends, if it can. */
void program_send_some(sim_machine *m, sim_handle *h);
void program_send_response(sim_machine *m, sim_handle *h);

#endif
