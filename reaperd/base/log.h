/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages for people, on stderr. Under a service manager (JOURNAL_STREAM names our stderr) each line starts with the
 * journal's level, "<4>"; otherwise with the program's name. A message is one line: control bytes in it are
 * escaped before it is written, so no mount point can forge a line. Never fails; errno is left as it was.
 */
#ifndef REAPERD_BASE_LOG_H
#define REAPERD_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3, /* values are syslog's */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* `program` must outlive all use; messages above `level` are dropped. */
void log_open(const char *program, enum log_level level);

/* What follows goes to syslog(3) alone, for whoever has no stderr. */
void log_use_syslog(void);

enum log_level log_level(void);

/* "error", "warning", "notice", "info" or "debug"; 0, or -EINVAL and *ret_level untouched. */
int log_level_parse(const char *name, enum log_level *ret_level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
