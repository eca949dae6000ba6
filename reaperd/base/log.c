/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

static const char *log_program = "reaperd";
static enum log_level log_limit = LOG_LEVEL_INFO;
static bool log_to_journal, log_to_syslog;

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

/* The variable is inherited by children whose stderr is another file: only the same device and inode is the journal. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

void log_open(const char *program, enum log_level level)
{
	log_program = program;
	log_limit = level;
	log_to_journal = stderr_is_journal();
}

void log_use_syslog(void)
{
	openlog(log_program, LOG_PID, LOG_DAEMON);
	log_to_syslog = true;
}

enum log_level log_level(void)
{
	return log_limit;
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
	for (size_t i = LOG_LEVEL_ERROR; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A backslash stays single: whoever put foreign bytes into the message may have escaped them already. */
static void escape_line(const char *message, char *line, size_t size)
{
	size_t left = strlen(message);
	size_t used = 0;

	while (left > 0 && used + 5 < size) {
		size_t length = *message == '\\' ? 1 : text_plain_sequence(message, left);

		if (length > 0)
			memcpy(line + used, message, length);
		else
			snprintf(line + used, size - used, "\\x%02x", (unsigned char)*message);
		used += length > 0 ? length : 4;
		message += length > 0 ? length : 1;
		left -= length > 0 ? length : 1;
	}
	line[used] = '\0';
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char message[8192], line[8192], out[8300];
	va_list arguments;
	int length;

	if (level > log_limit)
		return;
	va_start(arguments, format);
	errno = saved; /* for %m */
	if (vsnprintf(message, sizeof(message), format, arguments) < 0)
		message[0] = '\0';
	va_end(arguments);
	escape_line(message, line, sizeof(line));
	if (log_to_syslog) {
		syslog((int)level, "%s", line);
		errno = saved;
		return;
	}
	if (log_to_journal)
		length = snprintf(out, sizeof(out), "<%d>%s\n", (int)level, line);
	else
		length = snprintf(out, sizeof(out), "%.64s: %s\n", log_program, line);
	/* One write, so that lines of several processes do not mix; there is nobody to tell of a failure. */
	if (length > 0 && write(STDERR_FILENO, out, (size_t)length) < 0)
		errno = saved;
	errno = saved;
}
