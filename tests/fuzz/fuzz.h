/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What fuzz targets share. A target is one program for one kind of foreign bytes: it defines
 * LLVMFuzzerTestOneInput(), which gives the input to the real parser and aborts where what came of it breaks a promise
 * of that parser's header. It keeps nothing from one input to the next that could change the outcome.
 *
 * Configured with --enable-fuzz a target is libFuzzer's; otherwise main.c runs it once over each file of its corpus,
 * tests/fixtures/NAME for fuzz_NAME, where a file that is called bad-… must be refused and every other one accepted.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: before the first input. It may end the program with 77 where this target cannot run here. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* Every target sets it for each input: the parser took the input for a good one. */
extern bool fuzz_accepted;

/* Aborts, with the promise that was broken on stderr. */
#define FUZZ_HOLDS(condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			fuzz_broken(__FILE__, __LINE__, #condition);                                                   \
	} while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *promise);

/* The input, or what is left of it, as a string that ends at its first NUL; the caller frees it. */
char *fuzz_string(const uint8_t *data, size_t size);

/* Takes the next line, or what is left, off the input: a string as above. */
char *fuzz_next_line(const uint8_t **data, size_t *size);

/* A file in memory with these bytes, by a name that open(2) takes; good until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

#endif
