/* api.h: what machine.c and program.c share: the handle API on each machine of the simulation in C. */
#ifndef TEST_SIM_C_API_API_H
#define TEST_SIM_C_API_API_H

#include "../sim-c/sim.h"
#include "twinwire/host.h"
#include "twinwire/http_server.h"

/* The handles of a machine, which calls work on from now on. */
tw_handles *api_use(const sim_machine *m);

/* Allocations that the handles of a machine have not given back. */
long api_held(const sim_machine *m);

/* Frees what the handles of a machine have. */
void api_release(const sim_machine *m);

#endif
