/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the configuration names mount namespaces: "self", "all", "pid:N", "pidfile:PATH", "comm:NAME", or the path of one
 * (nsfs). This is the form alone; which namespaces that are at some moment is for who can look.
 */
#ifndef REAPERD_BASE_SELECTOR_H
#define REAPERD_BASE_SELECTOR_H

#include <stddef.h>
#include <stdint.h>

#define COMM_MAX 15 /* bytes that the kernel keeps of a command's name */

enum selector_kind { SELECTOR_SELF, SELECTOR_ALL, SELECTOR_PID, SELECTOR_PIDFILE, SELECTOR_COMM, SELECTOR_PATH };

struct selector {
	enum selector_kind kind;
	int32_t pid;	      /* SELECTOR_PID */
	const char *argument; /* the path or the name, in the text that was parsed */
};

/* 0, or -EINVAL with a sentence in `why`. */
int selector_parse(const char *text, struct selector *ret, char *why, size_t size);

#endif
