/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool fuzz_accepted;

void fuzz_broken(const char *file, int line, const char *promise)
{
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
	abort();
}

char *fuzz_string(const uint8_t *data, size_t size)
{
	char *string = size ? strndup((const char *)data, size) : strdup("");

	FUZZ_HOLDS(string);
	return string;
}

char *fuzz_next_line(const uint8_t **data, size_t *size)
{
	const uint8_t *newline = *size ? memchr(*data, '\n', *size) : NULL;
	size_t length = newline ? (size_t)(newline - *data) : *size;
	char *line = fuzz_string(*data, length);

	length += newline != NULL;
	*data += length;
	*size -= length;
	return line;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char name[64];

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		FUZZ_HOLDS(fd >= 0);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	}
	FUZZ_HOLDS(ftruncate(fd, 0) == 0);
	for (size_t written = 0; written < size;) {
		ssize_t n = pwrite(fd, data + written, size - written, (off_t)written);

		FUZZ_HOLDS(n > 0);
		written += (size_t)n;
	}
	return name;
}
