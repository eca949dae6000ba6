/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A control socket with a table of methods made for tests, test.control: Echo (its parameters), Big (an answer of
 * `bytes`), Later (answered by the test), Hold (lasting), Many (an answer in `pieces`), Fail, Broken, Who, Root and
 * Register (as Echo, with these privileges).
 */
#ifndef TESTS_UNIT_CONTROL_SERVER_H
#define TESTS_UNIT_CONTROL_SERVER_H

#include "engine/control.h"

extern struct control *control;
extern struct control_limits limits; /* the defaults, until a test changes them */

extern struct control_call *kept; /* by Later, Hold and Many; NULL when it has ended */
extern unsigned ended, begun, pieces;

#define ECHO(parameters) "{\"method\":\"test.control.Echo\",\"parameters\":" parameters "}"

void server_start(void);
void server_stop(void);
/* Anew, after control_free(control), for limits that are heeded once. */
void serve(void);

#endif
