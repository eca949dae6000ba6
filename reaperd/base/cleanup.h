/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scope-bound cleanup. A variable marked with one of these attributes owns what it holds until the scope ends or
 * until take_ptr()/take_fd() hands the ownership on. Nothing here fails.
 */
#ifndef REAPERD_BASE_CLEANUP_H
#define REAPERD_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define CLEANUP_FREE	 CLEANUP(cleanup_free)
#define CLEANUP_CLOSE	 CLEANUP(cleanup_close)
#define CLEANUP_FCLOSE	 CLEANUP(cleanup_fclose)
#define CLEANUP_CLOSEDIR CLEANUP(cleanup_closedir)

/* The value of `p`, which is NULL afterwards. */
#define take_ptr(p)                                                                                                    \
	({                                                                                                             \
		__typeof__(p) *at_ = &(p);                                                                             \
		__typeof__(p) was_ = *at_;                                                                             \
		*at_ = NULL;                                                                                           \
		was_;                                                                                                  \
	})

/* The value of `fd`, which is -1 afterwards. */
static inline int take_fd(int *fd)
{
	int was = *fd;

	*fd = -1;
	return was;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
