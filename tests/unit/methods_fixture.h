/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The methods of io.reaperd over a real model, ledger and socket. What the engine would do about them is noted in
 * `asked` instead: this file's functions stand in for the engine's.
 */
#ifndef TESTS_UNIT_METHODS_FIXTURE_H
#define TESTS_UNIT_METHODS_FIXTURE_H

#include <jansson.h>

#include "engine/holders.h"
#include "engine/journal.h"
#include "model_fixture.h"

extern struct engine engine;
extern struct journal journal;
extern struct fake *fake;

struct asked {
	char text[256]; /* the last request */
	unsigned reaped, pauses, leases_ended;
	int begin_error, join_error;
	int64_t claimed_generation;    /* by the last begin */
	holders_function *holders[16]; /* asked, not answered */
	void *holders_context[16];
	unsigned holders_asked;
	bool holders_at_once;
};
extern struct asked asked;

void engine_start(void);
void engine_stop(void);

void answer_holders(void);
void answer_no_holders(void); /* it could not be told */

/* The broken ledger of a state directory that is not there. */
void break_store(void);

struct action *mounted(const char *name, const char *below, uint64_t *ret_id);

/* Becomes over by evidence that acts. */
void make_over(struct action *action);

void save(struct action *action);

/* Its mounts went, and it is past. */
void clear(struct action *action);

/* The parameters of the answer to a call, which must not be an error; the caller's. */
json_t *ask(const char *method, const char *parameters);

void expect_error(const char *method, const char *parameters, const char *wanted);

/* Rows of a list that is asked for in pieces; the caller's. */
json_t *ask_for_list(const char *method, const char *parameters, const char *key, unsigned *ret_pieces);

const char *text_of(const json_t *object, const char *key);

json_int_t number_of(const json_t *object, const char *key);

/* The `key`s of the rows of a list, "a b c"; asked for without and with `more`, which must agree. */
void expect_rows(const char *method, const char *parameters, const char *list, const char *key, const char *wanted);

#endif
