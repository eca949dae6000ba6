/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/roots.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "kernel/at.h"

#define DEADLINE (5 * NSEC_PER_SEC)

struct answer {
	int error;	     /* -errno; ENOENT: does not exist yet */
	char path[PATH_MAX]; /* where its links lead; "" where there are none */
};

/* What does not exist is appended to where its parent leads. */
static int follow(const char *path, char ret[static PATH_MAX])
{
	char parent[PATH_MAX], above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int r;

	if (realpath(path, ret))
		return 0;
	if (errno != ENOENT || !slash || slash == path || strlen(path) >= sizeof(parent))
		return -errno;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	r = follow(parent, above);
	if (r < 0 && r != -ENOENT)
		return r;
	if (snprintf(ret, PATH_MAX, "%s%s", strcmp(above, "/") == 0 ? "" : above, slash) >= PATH_MAX)
		return -ENAMETOOLONG;
	return -ENOENT;
}

static void resolve_one(size_t index, void *result, void *context)
{
	const struct config *config = context;
	const char *path = config->roots[index].path;
	struct answer *answer = result;
	CLEANUP_CLOSE int fd = kernel_open_root_passively(path);
	struct stat st;

	answer->error = fd < 0 ? fd : 0;
	if (fd != -ELOOP && fd != -ENOENT)
		return;
	answer->error = follow(path, answer->path);
	if (answer->error == 0 && stat(answer->path, &st) == 0 && !S_ISDIR(st.st_mode))
		answer->error = -ENOTDIR;
}

static int refuse(char **ret_errors, const char *path, const char *why)
{
	CLEANUP_FREE char *shown = text_escape(path);

	if (!shown || asprintf(ret_errors, "root %s: %s", shown, why) < 0)
		*ret_errors = NULL;
	return -EINVAL;
}

static int replace_path(struct root_rules *rules, const char *path)
{
	char *copy;

	if (!strcmp(rules->path, path))
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	log_notice("root %s is reached by a symbolic link: it is %s", rules->path, path);
	free(rules->path);
	rules->path = copy;
	return 0;
}

static int take_answer(struct root_rules *rules, enum batch_item_state state, const struct answer *answer,
		       char **ret_errors)
{
	int r = 0;

	if (state != BATCH_ITEM_DONE) {
		log_warning("root %s does not answer: taken as it is", rules->path);
		return 0;
	}
	if (answer->error == -ENOTDIR)
		return refuse(ret_errors, rules->path, "not a directory");
	if (answer->path[0] && (answer->error == 0 || answer->error == -ENOENT))
		r = replace_path(rules, answer->path);
	if (r == 0 && !strcmp(rules->path, "/"))
		return refuse(ret_errors, "/", "the whole system cannot be a build root");
	if (answer->error == -ENOENT)
		log_notice("root %s does not exist yet: waiting for it", rules->path);
	else if (answer->error < 0)
		log_warning("root %s cannot be opened: %s: taken as it is", rules->path, strerror(-answer->error));
	return r;
}

static int check_apart(const struct config *config, char **ret_errors)
{
	for (size_t i = 0; i < config->root_count; i++)
		for (size_t j = 0; j < config->root_count; j++)
			if (i != j && path_relative(config->roots[i].path, config->roots[j].path))
				return refuse(ret_errors, config->roots[i].path,
					      "the same as, or inside, another root");
	return 0;
}

int roots_resolve(struct config *config, struct batch_pool *pool, char **ret_errors)
{
	struct batch *batch;
	int r = batch_new(pool, config->root_count, sizeof(struct answer), resolve_one, config, DEADLINE, &batch);

	if (r < 0)
		return r;
	batch_wait(pool, batch);
	for (size_t i = 0; i < config->root_count && r == 0; i++)
		r = take_answer(&config->roots[i], batch_item_state(batch, i), batch_item_result(batch, i), ret_errors);
	batch_free(batch);
	return r < 0 ? r : check_apart(config, ret_errors);
}
