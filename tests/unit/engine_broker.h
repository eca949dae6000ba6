/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of engine_fixture.c alone: the other end of the engine's socket, which answers as the test says in engine_fixture.h. */
#ifndef TESTS_UNIT_ENGINE_BROKER_H
#define TESTS_UNIT_ENGINE_BROKER_H

#include <stddef.h>

void engine_broker_begin(int fd); /* takes it */
void engine_broker_end(void);	  /* what waits is answered by nobody */
void engine_broker_forget(void);  /* the directories */
void engine_broker_send(const void *bytes, size_t length, const int *fds, size_t fd_count);
/* Takes what the engine has asked, and answers what does not wait. */
void engine_broker_turn(void);

#endif
