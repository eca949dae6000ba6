/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fuzz target without libFuzzer: runs once over each file that is named, or over its corpus. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "fuzz.h"

static const char *running; /* for the message of an abort */

static void fail(const char *file, const char *why)
{
	fprintf(stderr, "%s: %s\n", file, why);
	exit(EXIT_FAILURE);
}

/* The bytes lie in a block of their own size, so that a sanitizer sees a read past their end. */
static uint8_t *read_input(const char *file, size_t *ret_size)
{
	CLEANUP_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *bytes;
	size_t used = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(file, strerror(errno));
	bytes = malloc(st.st_size ? (size_t)st.st_size : 1);
	if (!bytes)
		fail(file, strerror(ENOMEM));
	while (used < (size_t)st.st_size && (n = read(fd, bytes + used, (size_t)st.st_size - used)) > 0)
		used += (size_t)n;
	*ret_size = used;
	return bytes;
}

static void run(const char *file)
{
	size_t size;
	CLEANUP_FREE uint8_t *bytes = read_input(file, &size);

	running = file;
	LLVMFuzzerTestOneInput(bytes, size);
	running = NULL;
}

static int is_visible(const struct dirent *entry)
{
	return *entry->d_name != '.';
}

static size_t run_corpus(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_visible, alphasort);

	if (count <= 0)
		fail(directory, count < 0 ? strerror(errno) : "no inputs");
	for (int i = 0; i < count; i++) {
		CLEANUP_FREE char *file = path_join(directory, entries[i]->d_name);
		bool bad = strncmp(entries[i]->d_name, "bad-", 4) == 0;

		if (!file)
			fail(directory, strerror(ENOMEM));
		run(file);
		if (fuzz_accepted == bad)
			fail(file, bad ? "accepted, but it is a bad one" : "refused, but it is no bad one");
		free(entries[i]);
	}
	free(entries);
	return (size_t)count;
}

static char *corpus_of(const char *program)
{
	const char *top = getenv("REAPERD_SOURCE_DIR"), *name = strstr(program, "fuzz_");
	char *directory = NULL;

	if (!name || asprintf(&directory, "%s/tests/fixtures/%s", top ? top : ".", name + strlen("fuzz_")) < 0)
		fail(program, "no corpus has this name");
	return directory;
}

static void say_which(void)
{
	if (running)
		fprintf(stderr, "on %s\n", running);
}

int main(int argc, char **argv)
{
	CLEANUP_FREE char *corpus = NULL;

	atexit(say_which);
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	if (argc == 1) {
		corpus = corpus_of(program_invocation_short_name);
		printf("%zu inputs of %s\n", run_corpus(corpus), corpus);
	}
	return EXIT_SUCCESS;
}
